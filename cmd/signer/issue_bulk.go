package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

// maxBatch bounds what one entry of the log commits to: a batch is one transaction.
const maxBatch = 100_000

// issueSubscribers issues a certificate for each request. All files are looked at
// before anything is signed, so that a mistake in one of them changes nothing.
func issueSubscribers(c *cli.Context, now func() time.Time) error {
	if c.String("adopt") != "" {
		return cliexit.UsageError("--adopt belongs to --name, not to --issuer")
	}
	if n := c.Int("batch"); n < 1 || n > maxBatch {
		return cliexit.UsageError("--batch is %d: want 1 to %d", n, maxBatch)
	}
	files, err := requestFiles(c)
	if err != nil {
		return err
	}
	outs, err := outputs(c, files)
	if err != nil {
		return err
	}
	q := room.SubscriberRequests{Issuer: c.String("issuer"), Consent: c.String("consent"), Reissue: c.Bool("reissue"),
		Batch: c.Int("batch")}
	if q.Consent != "" && len(files) > 1 {
		return cliexit.UsageError("--consent is one subscriber's: use it with one --csr")
	}
	for _, file := range files {
		csr, err := readLimited(file, maxCSR)
		if err != nil {
			return fmt.Errorf("reading the certificate request: %w", err)
		}
		q.CSRs = append(q.CSRs, room.CSR{Name: file, Data: csr})
	}
	return inRoom(c, now, func(r *room.Room) error {
		job, err := r.Subscribers(c.Context, q)
		if err != nil {
			return err
		}
		for n := range outs {
			if err := writable("out", outs[n], job.Present(n)); err != nil {
				return err
			}
		}
		if c.Bool(dryFlag.Name) {
			return foretellIssue(c, r, job, outs)
		}
		return handOut(c, job, outs)
	})
}

// foretellIssue says what handOut would do.
func foretellIssue(c *cli.Context, r *room.Room, job *room.SubscriberJob, outs []string) error {
	all := issuedAnswers{Certificates: make([]issuedAnswer, len(outs)), plannedAnswer: dryAnswer(c, r)}
	for n, out := range outs {
		s, err := job.Planned(n)
		if err != nil {
			return err
		}
		word := "would issue"
		if s.Present {
			word = "present"
			all.Present++
		} else {
			all.Issued++
		}
		all.Certificates[n] = answerIssued(c, s.Certificate, s.Present, out)
		say(c, "%s", issuedLine(c, word, s.Certificate))
	}
	if len(outs) == 1 {
		all.Certificates[0].plannedAnswer = all.plannedAnswer
		return answer(c, all.Certificates[0])
	}
	say(c, "%d would be issued, %d present", all.Issued, all.Present)
	return answer(c, all)
}

// handOut issues, and writes and prints each certificate.
func handOut(c *cli.Context, job *room.SubscriberJob, outs []string) error {
	answers := make([]issuedAnswer, len(outs))
	issued, present := 0, 0
	err := job.Issue(c.Context, func(n int, s room.Subscriber) error {
		word := "issued"
		if s.Present {
			word, present = "present", present+1
		} else {
			issued++
		}
		if err := writePEM(outs[n], s.Certificate); err != nil {
			return err
		}
		answers[n] = answerIssued(c, s.Certificate, s.Present, outs[n])
		say(c, "%s", issuedLine(c, word, s.Certificate))
		return nil
	})
	if err != nil {
		return err
	}
	if len(outs) == 1 {
		return answer(c, answers[0])
	}
	say(c, "%d issued, %d present", issued, present)
	return answer(c, issuedAnswers{Issued: issued, Present: present, Certificates: answers})
}

// requestFiles lists the files with requests: those of --csr, then those of --csr-dir by name.
func requestFiles(c *cli.Context) ([]string, error) {
	files := c.StringSlice("csr")
	dir := c.String("csr-dir")
	if len(files) == 0 && dir == "" {
		return nil, cliexit.UsageError("--issuer needs the requests: --csr FILE, or --csr-dir FOLDER")
	}
	if dir == "" {
		return files, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder of requests: %w", err)
	}
	found := len(files)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		file := filepath.Join(dir, e.Name())
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("reading the folder of requests: %w", err)
		}
		if !info.Mode().IsRegular() {
			return nil, cliexit.UsageError("--csr-dir: %q is no file; a folder of requests has nothing else in it",
				file)
		}
		files = append(files, file)
	}
	if len(files) == found {
		return nil, cliexit.UsageError("--csr-dir: there is no request in %q", dir)
	}
	return files, nil
}

// outputs names the file of each certificate; empty where there is none.
func outputs(c *cli.Context, files []string) ([]string, error) {
	outs := make([]string, len(files))
	out, dir := c.String("out"), c.String("out-dir")
	switch {
	case out != "" && dir != "":
		return nil, cliexit.UsageError("--out and --out-dir: use one of them")
	case out != "" && len(files) > 1:
		return nil, cliexit.UsageError("--out is for one request, and there are %d; use --out-dir", len(files))
	case out != "":
		outs[0] = out
		return outs, nil
	case dir == "":
		return outs, nil
	case sameFolder(dir, c.String("csr-dir")):
		return nil,
			cliexit.UsageError("--out-dir is the folder of the requests: the certificates would be taken for " +
				"requests the next time")
	}
	taken := map[string]string{}
	for n, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) + ".pem"
		if other, ok := taken[name]; ok {
			return nil, cliexit.UsageError("--out-dir: %q and %q would both be written to %q; rename one", other, file,
				name)
		}
		taken[name], outs[n] = file, filepath.Join(dir, name)
	}
	return outs, nil
}

func sameFolder(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil || b == "" {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
