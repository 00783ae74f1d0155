// Command orasgo does with oras-go what tests and measurements need of it: an independent client whose every choice is
// given on the command line. Plain HTTP is spoken to loopback, TLS to everyone else (SSL_CERT_FILE names an authority);
// logins come from docker's configuration.
//
// What a command finds out is one JSON document on standard output; errors go to standard error, exit code 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

const usage = `usage:
  orasgo push     [FLAGS] REF FILE[:TYPE]...     pack files and push them
  orasgo attach   [FLAGS] SUBJECT FILE[:TYPE]... the same, as a referrer of SUBJECT
  orasgo copy     [FLAGS] SRC DST                copy a graph
  orasgo copy     [FLAGS] -list FILE             the same for each line "SRC DST" of a file
  orasgo pull     [FLAGS] REF                    pull the files of an artifact into a folder
  orasgo discover [FLAGS] REF                    the referrers of an artifact, with theirs
  orasgo fetch    REF                            the bytes of a manifest, as they are

REF is HOST/REPOSITORY:TAG, HOST/REPOSITORY@DIGEST, or oci:FOLDER:TAG for an image layout; "orasgo COMMAND -h" lists flags.
`

type command func(ctx context.Context, args []string) error

func main() {
	commands := map[string]command{
		"push":     push,
		"attach":   attach,
		"copy":     copyGraphs,
		"pull":     pull,
		"discover": discover,
		"fetch":    fetch,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(64)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := commands[os.Args[1]](ctx, os.Args[2:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "orasgo:", err)
		os.Exit(1)
	}
}

// parse reads flags and checks how many arguments are left.
func parse(flags *flag.FlagSet, args []string, least, most int) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() < least || (most >= 0 && flags.NArg() > most) {
		return fmt.Errorf("%s: %d arguments will not do", flags.Name(), flags.NArg())
	}
	return nil
}

func printJSON(value any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
