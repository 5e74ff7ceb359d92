package inventory

import (
	"errors"
	"regexp"
	"strings"
)

// passwords finds what must not reach a log in an error of a driver.
var passwords = regexp.MustCompile(`(password=)('[^']*'|\S+)|(://[^:/@\s]*:)[^@\s]*@`)

// Redact removes passwords from an error that may quote a connection string.
// The chain of the error is kept when there is nothing to remove.
func Redact(err error) error {
	text := err.Error()
	clean := passwords.ReplaceAllString(text, "${1}${3}***@")
	if clean == text {
		return err
	}
	return errors.New(clean)
}

// scheme is the part of a DSN that is safe to show.
func scheme(dsn string) string {
	s, _, _ := strings.Cut(dsn, ":")
	return s
}
