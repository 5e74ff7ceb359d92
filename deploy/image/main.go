// Command image makes what is shipped around the keyless binary, without a daemon and
// without the network:
//
//	image tar  --binary ../../bin/publisher-nocloud --out publisher.tar   container image, docker and podman load it
//	image sbom --binary ../../bin/publisher-nocloud                       CycloneDX list of what the binary links
//
// Everything is a function of the input files: the same binary and the same file of
// root certificates give the same bytes. It is a module of its own, so that none of its
// dependencies comes near the two binaries.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("name a command: tar or sbom")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	binary := flags.String("binary", "../../bin/publisher-nocloud", "the keyless binary for Linux")
	file := flags.String("out", "publisher.tar", "tar: the image to write")
	roots := flags.String("roots", "/etc/ssl/certs/ca-certificates.crt",
		"tar: root certificates for the way to the bucket")
	version := flags.String("version", "dev", "version in labels and tag")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	raw, err := os.ReadFile(*binary)
	if err != nil {
		return fmt.Errorf("reading the binary: %w", err)
	}
	list, err := sbom(raw)
	if err != nil {
		return err
	}
	switch args[0] {
	case "sbom":
		_, err = out.Write(list)
		return err
	case "tar":
		arch, err := shippable(raw)
		if err != nil {
			return err
		}
		trusted, err := os.ReadFile(*roots)
		if err != nil {
			return fmt.Errorf("reading the root certificates: %w", err)
		}
		digest, err := writeImage(*file,
			contents{binary: raw, roots: trusted, sbom: list, version: *version, arch: arch})
		if err == nil {
			fmt.Fprintln(out, digest)
		}
		return err
	}
	return fmt.Errorf("there is no command %q; there are tar and sbom", args[0])
}
