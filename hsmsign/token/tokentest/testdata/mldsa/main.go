// Command mldsa is the part of the tests' PKCS#11 module that knows ML-DSA: crypto/mldsa for module/module.c, which is linked with it.
package main

// #include <stddef.h>
import "C"

import (
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"unsafe"
)

var sets = map[C.ulong]mldsa.Parameters{1: mldsa.MLDSA44(), 2: mldsa.MLDSA65(), 3: mldsa.MLDSA87()}

func main() {}

// put copies b to where the C code has room for it, and returns its length.
func put(to *C.uchar, b []byte) C.size_t {
	return C.size_t(copy(unsafe.Slice((*byte)(to), len(b)), b))
}

func key(set C.ulong, seed *C.uchar) *mldsa.PrivateKey {
	k, err := mldsa.NewPrivateKey(sets[set], unsafe.Slice((*byte)(seed), mldsa.PrivateKeySize))
	if err != nil {
		return nil
	}
	return k
}

//export randomSeed
func randomSeed(seed *C.uchar) { rand.Read(unsafe.Slice((*byte)(seed), mldsa.PrivateKeySize)) }

//export publicOf
func publicOf(set C.ulong, seed, public *C.uchar) C.size_t {
	k := key(set, seed)
	if k == nil {
		return 0
	}
	return put(public, k.PublicKey().Bytes())
}

//export signWith
func signWith(set C.ulong, seed, message *C.uchar, size C.size_t, signature *C.uchar) C.size_t {
	k := key(set, seed)
	if k == nil {
		return 0
	}
	s, err := k.Sign(nil, unsafe.Slice((*byte)(message), size), crypto.Hash(0))
	if err != nil {
		return 0
	}
	return put(signature, s)
}
