//go:build !linux

package token

import "errors"

func inMemory([]byte) (string, error) {
	return "", errors.New("on this system " + tokenDirKey + " must begin with a slash")
}
