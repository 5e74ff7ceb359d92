package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"

	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/internal/config"
)

// listPeers measures what others need to read a list and check its signature.
func listPeers(ctx context.Context, s settings, list string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = measure("crypto/x509: parsed and checked, nothing kept",
		exec.CommandContext(ctx, self, "-contender", "go-list", "-dir", s.dir, list))
	if err != nil {
		return err
	}
	_, err = measure("openssl crl -CAfile: parsed and checked, nothing kept",
		exec.CommandContext(ctx, "openssl", "crl", "-inform", "DER", "-in", list, "-CAfile", s.path("sub.pem"),
			"-noout"))
	return err
}

// opensslFiles is how many responses OpenSSL reads, since it is a process for each.
const opensslFiles = 500

// answerPeers measures what others need to read responses and check their signatures.
func answerPeers(ctx context.Context, s settings, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = measure("x/crypto/ocsp: parsed and checked, nothing kept",
		exec.CommandContext(ctx, self, "-contender", "go-answers", "-dir", s.dir, dir))
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.ors"))
	if err != nil {
		return err
	}
	script := `for f in "$@"; do openssl ocsp -respin "$f" -CAfile root.pem -issuer sub.pem -verify_other sub.pem -noverify >/dev/null 2>&1 || exit 1; done`
	cmd := exec.CommandContext(ctx, "bash",
		append([]string{"-c", script, "bash"}, files[:min(opensslFiles, len(files))]...)...)
	cmd.Dir = s.dir
	_, err = measure(fmt.Sprintf("openssl ocsp -respin, a process each: %d of them", min(opensslFiles, len(files))),
		cmd)
	return err
}

// child is one contender.
func child(ctx context.Context, s settings, args []string) error {
	switch s.contender {
	case "make":
		return s.making(args)
	case "go-list":
		return s.readList(args[0])
	case "go-answers":
		return s.readAnswers(args[0])
	}
	out, err := os.Create(s.profile)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return s.room(ctx, args)
}

// room does in this process what `signer accept` does.
func (s settings) room(ctx context.Context, args []string) error {
	if err := os.Setenv("SOFTHSM2_CONF", s.path("secrets/softhsm2.conf")); err != nil { // as the signer does for itself
		return err
	}
	conf, err := config.Load(s.path("repository.yaml"))
	if err != nil {
		return err
	}
	r, err := room.Open(ctx, room.Options{Config: conf})
	if err != nil {
		return err
	}
	defer r.Close()
	var done *accept.Acceptance
	switch args[1] {
	case "--file":
		done, err = accept.Inputs(ctx, r,
			[]accept.Input{{Name: args[2], Read: func() ([]byte, error) { return os.ReadFile(args[2]) }}})
	case "--watch":
		var emptied *accept.Emptied
		if emptied, err = accept.Empty(ctx, r, accept.DropFolder(r, conf.Accept)); err == nil {
			done = &emptied.Acceptance
		}
	default:
		return fmt.Errorf("%q is not profiled: leave out -cpuprofile", args)
	}
	if err != nil {
		return err
	}
	return done.Err()
}
