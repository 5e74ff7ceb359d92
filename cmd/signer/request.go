package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/inventory"
)

// maxRequest bounds the document in which somebody asks for a certificate or a revocation.
const maxRequest = 64 << 20

var (
	requestFlag = &cli.StringFlag{Name: "request",
		Usage: "the document `FILE` in which it was asked for: its kind and SHA-256 go into the private record"}
	byFlag = &cli.StringFlag{Name: "by", Usage: "the `NAME` of who asked or approved, for the private record"}
)

// asked reads what --request and --by say; commands without them have nothing to say.
func asked(c *cli.Context) (inventory.Asked, error) {
	var document []byte
	if file := c.String("request"); file != "" {
		var err error
		if document, err = readLimited(file, maxRequest); err != nil {
			return inventory.Asked{}, fmt.Errorf("reading the request: %w", err)
		}
		if document == nil {
			document = []byte{}
		}
	}
	a, err := room.Asked(c.String("by"), document)
	if err != nil {
		return a, &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	return a, nil
}
