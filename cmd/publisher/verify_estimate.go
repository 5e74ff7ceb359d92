package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"

	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/verify"
	"seihon/verify/report"
)

// defaultPrice is the list price of S3 in Tokyo: for a million GET requests, and for a GB sent to the internet.
const defaultPrice = "0.37,0.114"

func price(c *cli.Context) (verify.Price, error) {
	requests, bytes, _ := strings.Cut(c.String("price"), ",")
	million, err1 := strconv.ParseFloat(requests, 64)
	gb, err2 := strconv.ParseFloat(bytes, 64)
	if err1 != nil || err2 != nil || million < 0 || gb < 0 {
		return verify.Price{}, cliexit.UsageError("--price is %q, must be two numbers like %s", c.String("price"),
			defaultPrice)
	}
	return verify.Price{PerRequest: million / 1e6, PerByte: gb / 1e9}, nil
}

// announce logs the estimate before the first request.
func (h *host) announce(all []report.Estimate) {
	for _, e := range all {
		h.logger.Info("going to read a copy", zap.String("source", e.Source), zap.Int64("requests", e.Requests),
			zap.Int64("bytes", e.Bytes), zap.Float64("usd", e.USD))
	}
}

// estimate is the dry run of verify.
func (h *host) estimate(c *cli.Context) error {
	conf, err := h.verifyConfig(c)
	if err != nil {
		return err
	}
	all, err := verify.Estimates(c.Context, conf)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer, all)
	}
	for _, e := range all {
		fmt.Fprintf(c.App.Writer, "%s (layout %s): at most %d requests, %d bytes, %.4f US dollars\n", e.Source,
			e.Layout, e.Requests, e.Bytes, e.USD)
	}
	if len(all) == 0 {
		fmt.Fprintln(c.App.Writer, "nothing is asked over the network")
	}
	return nil
}

// namesItsCopy wants every address of --responder to be below one of the copies, so that none is silently left out.
func namesItsCopy(addresses []string, copies []verify.Copy) error {
	for _, a := range addresses {
		if !slices.ContainsFunc(copies, func(p verify.Copy) bool { return p.Responder == strings.TrimSuffix(a, "/") }) {
			return cliexit.UsageError("--responder %s is below no http source that is looked at, or that source has "+
				"another one; give its --source as well", a)
		}
	}
	return nil
}

// responderOf is the address of the OCSP responder below a public address; empty when nobody named one.
func (h *host) responderOf(c *cli.Context, place string) string {
	for _, a := range c.StringSlice("responder") {
		if config.Location(place).IsURL() && strings.HasPrefix(a, strings.TrimSuffix(place, "/")+"/") {
			return strings.TrimSuffix(a, "/")
		}
	}
	for _, t := range h.conf.Targets {
		for _, base := range t.Addresses() {
			if strings.TrimSuffix(base, "/") == strings.TrimSuffix(place, "/") && h.respondsBelow(&t, base) {
				return strings.TrimSuffix(base, "/") + h.conf.Serve.OCSPPath
			}
		}
	}
	return ""
}

// likelyLayout is what the targets say about the layout of a copy.
func (h *host) likelyLayout(place string) string {
	for _, t := range h.conf.Targets {
		if slices.Contains(t.Addresses(), place) {
			return t.Layout
		}
	}
	return ""
}
