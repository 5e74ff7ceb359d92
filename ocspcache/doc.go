// Package ocspcache answers OCSP requests from responses that were signed
// elsewhere. It holds no key and no signing code.
package ocspcache
