#!/bin/sh
openssl ocsp -rsigner ca.pem
