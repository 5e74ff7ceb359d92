package keyscan

import (
	"bytes"
	"encoding/ascii85"
	"fmt"
	"math/big"
	"strings"
)

// radixWrappings write the octets as digits of a base that is no power of two.
func radixWrappings() map[string]wrapping {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return map[string]wrapping{
		"decimal":       func(b []byte) []byte { return fmt.Appendf(nil, "d = %d\n", new(big.Int).SetBytes(b)) },
		"decimal lines": func(b []byte) []byte { return folded(new(big.Int).SetBytes(b).String(), 68, "", "\\\n") },
		"base58":        based58(1 << 20),
		"base58 lines":  based58(64),
		"base85":        func(b []byte) []byte { return []byte(based85(b)) },
		"base85 lines":  func(b []byte) []byte { return folded(based85(b), 75, "  ", "\n") },
		"base85 of git": translated(based85, "0123456789"+letters+strings.ToLower(letters)+"!#$%&()*+-;<=>?@^_`{|}~"),
		"base85 of zmq": translated(based85, "0123456789"+strings.ToLower(letters)+letters+".-:+=^!/*?&<>()[]{}@%$#"),
		"yEnc":          yEncoded,
	}
}

func based58(width int) wrapping {
	return func(b []byte) []byte {
		n, out := new(big.Int).SetBytes(b), []byte(nil)
		for digit := new(big.Int); n.Sign() > 0; {
			n.QuoRem(n, big.NewInt(58), digit)
			out = append([]byte{"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit.Int64()]}, out...)
		}
		return folded(string(out), width, "", "\n")
	}
}

func based85(b []byte) string {
	out := make([]byte, ascii85.MaxEncodedLen(len(b)))
	return string(out[:ascii85.Encode(out, b)])
}

// translated writes the digits of ASCII85 in another alphabet, which has no sign for four octets of zero.
func translated(encode func([]byte) string, alphabet string) wrapping {
	return func(b []byte) []byte {
		text := []byte(strings.ReplaceAll(encode(b), "z", "!!!!!"))
		for i, c := range text {
			text[i] = alphabet[c-'!']
		}
		return text
	}
}

func yEncoded(b []byte) []byte {
	out := fmt.Appendf(nil, "From: a@example\r\n\r\n=ybegin line=128 size=%d name=key.der\r\n", len(b))
	for i, c := range b {
		switch c += 42; c {
		case 0, '\n', '\r', '=':
			out = append(out, '=', c+64)
		default:
			out = append(out, c)
		}
		if i%128 == 127 {
			out = append(out, "\r\n"...)
		}
	}
	return append(bytes.Clone(out), fmt.Sprintf("\r\n=yend size=%d\r\n", len(b))...)
}
