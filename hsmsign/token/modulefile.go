package token

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// moduleFile resolves path, so that two names of one library are one module.
func moduleFile(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("loading module: %w: no path is configured%s", ErrModule, known())
	}
	file, err := filepath.Abs(path)
	if err == nil {
		file, err = filepath.EvalSymlinks(file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("loading module %s: %w: there is no such file%s", path, ErrModule, known())
	}
	if err != nil {
		return "", fmt.Errorf("loading module %s: %w", path, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("loading module %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("loading module %s: %w: it is not a file%s", path, ErrModule, known())
	}
	return file, nil
}

// known lists the modules that are installed in the usual places.
func known() string {
	var found []string
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so",
		"/opt/nfast/toolkits/pkcs11/libcknfast.so", "/usr/safenet/lunaclient/lib/libCryptoki2_64.so",
		"/opt/utimaco/*/lib/libcs_pkcs11_R3.so"} {
		files, _ := filepath.Glob(pattern)
		found = append(found, files...)
	}
	if len(found) == 0 {
		return "; install the HSM's client software and name its PKCS#11 library"
	}
	return "; on this machine there is " + strings.Join(found, ", ")
}

// fileDigest is the SHA-256 of a file.
func fileDigest(path string) ([32]byte, error) {
	var digest [32]byte
	f, err := os.Open(path)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err != nil {
		return digest, err
	}
	return [32]byte(h.Sum(nil)), nil
}
