package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tallyPath is where the null server tells what it was asked, and begins to count anew.
const tallyPath = "/-/tally"

// A tally counts requests by their method and the kind of what they are about.
type tally map[string]int

// The columns of the table: what a provider charges for.
var columns = []string{"PUT responses", "PUT bundles", "PUT lists", "PUT pointers", "PUT log", "GET"}

// column is where a request is counted.
func column(method, path string) string {
	switch {
	case method != http.MethodPut:
		return "GET"
	case strings.Contains(path, "/ocsp/bundles/"):
		return "PUT bundles"
	case strings.HasSuffix(path, ".generation"), strings.HasSuffix(path, "/log/checkpoint"):
		return "PUT pointers"
	case strings.Contains(path, "/ocsp/"):
		return "PUT responses"
	case strings.Contains(path, "/log/"):
		return "PUT log"
	}
	return "PUT lists"
}

// A nullServer is an S3 server that checks nothing and waits before each answer,
// as the way to a region does. It keeps what the publisher reads back.
type nullServer struct {
	latency time.Duration
	objects sync.Map
	mu      sync.Mutex
	asked   tally
}

func serveNull(ctx context.Context, s settings) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	server := &http.Server{Handler: &nullServer{latency: s.latency, asked: tally{}}}
	go func() { <-ctx.Done(); server.Close() }()
	return server.Serve(l)
}

func (n *nullServer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path == tallyPath {
		n.mu.Lock()
		defer n.mu.Unlock()
		_ = json.NewEncoder(w).Encode(n.asked)
		n.asked = tally{}
		return
	}
	where := column(q.Method, q.URL.Path)
	n.mu.Lock()
	n.asked[where]++
	n.mu.Unlock()
	switch q.Method {
	case http.MethodPut:
		b := make([]byte, q.ContentLength)
		if _, err := io.ReadFull(q.Body, b); err != nil {
			return
		}
		if where != "PUT responses" && where != "PUT bundles" { // a million of them would not fit
			n.objects.Store(q.URL.Path, b)
		}
		time.Sleep(n.latency)
		tag(w, b)
	case http.MethodGet:
		time.Sleep(n.latency)
		b, ok := n.objects.Load(q.URL.Path)
		if !ok {
			http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			return
		}
		body, _ := b.([]byte)
		tag(w, body)
		w.Write(body)
	}
}

func tag(w http.ResponseWriter, b []byte) {
	sum := md5.Sum(b)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
}

// readTally asks a null server what it was asked since the last time.
func readTally(ctx context.Context, endpoint string) (tally, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+tallyPath, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var t tally
	return t, json.NewDecoder(resp.Body).Decode(&t)
}
