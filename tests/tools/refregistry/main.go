// Command refregistry is a registry with the referrers API of the OCI distribution specification 1.1, which distribution 3.1
// does not have: the one that go-containerregistry brings for tests, with its referrers option, and around it what the
// specification asks for and that one leaves out (see conform.go).
//
// It takes its orders as the other registries of the tests do, `refregistry serve CONFIG.json`, and writes an access log in
// Apache's common format to standard output. All is kept in memory, but for blobs where the configuration names a folder.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// config is the configuration's content.
type config struct {
	// Address is where to listen, such as 127.0.0.1:5000.
	Address string `json:"address"`
	// Folder is where blobs are kept; empty: in memory.
	Folder string `json:"folder"`
	// Page is how many referrers an answer lists at most; 0: all.
	Page int `json:"page"`
	// Bare leaves out what was put around go-containerregistry's registry: no OCI-Subject, no filter, no pages, and referrers
	// with their config's type.
	Bare bool `json:"bare"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "refregistry:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 || args[0] != "serve" {
		return errors.New("usage: refregistry serve CONFIG.json")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var c config
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	blobs := &perRepository{folder: c.Folder}
	handler := registry.New(
		registry.WithReferrersSupport(true),
		registry.Logger(log.New(io.Discard, "", 0)),
		registry.WithBlobHandler(blobs),
	)
	if !c.Bare {
		handler = &conforming{inner: handler, blobs: blobs, page: c.Page}
	}
	server := http.Server{Addr: c.Address, Handler: &logged{next: handler, out: os.Stdout}, ReadHeaderTimeout: 30 * time.Second}
	return server.ListenAndServe()
}

// logged writes down every request once it is answered.
type logged struct {
	next http.Handler
	lock sync.Mutex
	out  io.Writer
}

func (l *logged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := r.URL.RequestURI()
	seen := &watched{ResponseWriter: w, status: http.StatusOK}
	l.next.ServeHTTP(seen, r)
	l.lock.Lock()
	defer l.lock.Unlock()
	when := time.Now().Format("02/Jan/2006:15:04:05 -0700")
	fmt.Fprintf(l.out, "- - - [%s] \"%s %s %s\" %d -\n", when, r.Method, target, r.Proto, seen.status)
}

// watched remembers the status of an answer.
type watched struct {
	http.ResponseWriter
	status int
}

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
