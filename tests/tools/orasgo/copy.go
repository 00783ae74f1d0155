package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	oras "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
)

// copying is what copy is told.
type copying struct {
	recursive   bool
	mount       bool
	concurrency int
	parallel    int
	list        string
}

type pair struct{ source, target string }

func copyGraphs(ctx context.Context, args []string) error {
	var c copying
	flags := flag.NewFlagSet("copy", flag.ContinueOnError)
	flags.BoolVar(&c.recursive, "recursive", false, "referrers as well, of every manifest")
	flags.BoolVar(&c.mount, "mount", false, "try to mount blobs from the source's repository when both are one registry")
	flags.IntVar(&c.concurrency, "concurrency", 0, "how many things at a time for each graph (oras-go's own default: 3)")
	flags.IntVar(&c.parallel, "parallel", 1, "how many graphs of a list at a time")
	flags.StringVar(&c.list, "list", "", `file of lines "SRC DST"`)
	arguments := 2
	for _, argument := range args {
		if strings.TrimLeft(argument, "-") == "list" || strings.HasPrefix(strings.TrimLeft(argument, "-"), "list=") {
			arguments = 0
		}
	}
	if err := parse(flags, args, arguments, arguments); err != nil {
		return err
	}
	pairs := []pair{{flags.Arg(0), flags.Arg(1)}}
	if c.list != "" {
		var err error
		if pairs, err = readList(c.list); err != nil {
			return err
		}
	}
	clients, err := newClients()
	if err != nil {
		return err
	}
	roots := make([]ocispec.Descriptor, len(pairs))
	failures := make([]error, len(pairs))
	slots := make(chan struct{}, max(c.parallel, 1))
	var all sync.WaitGroup
	for i, p := range pairs {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			roots[i], failures[i] = c.one(ctx, clients, p)
			if failures[i] != nil {
				failures[i] = fmt.Errorf("copy %s to %s: %w", p.source, p.target, failures[i])
			}
		})
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	return printJSON(roots)
}

func readList(path string) ([]pair, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var pairs []pair
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch len(words) {
		case 0:
		case 2:
			pairs = append(pairs, pair{words[0], words[1]})
		default:
			return nil, fmt.Errorf("%s: %q is not \"SRC DST\"", path, lines.Text())
		}
	}
	return pairs, lines.Err()
}

func (c *copying) one(ctx context.Context, clients *clients, p pair) (ocispec.Descriptor, error) {
	source, err := clients.open(p.source)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	target, err := clients.open(p.target)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	options := oras.DefaultCopyOptions
	options.Concurrency = c.concurrency
	if c.mount && source.remote != nil && target.remote != nil &&
		source.remote.Reference.Registry == target.remote.Reference.Registry {
		options.MountFrom = func(context.Context, ocispec.Descriptor) ([]string, error) {
			return []string{source.remote.Reference.Repository}, nil
		}
	}
	if !c.recursive {
		return oras.Copy(ctx, source, source.reference, target, target.reference, options)
	}
	root, err := source.Resolve(ctx, source.reference)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	extended := oras.ExtendedCopyGraphOptions{CopyGraphOptions: options.CopyGraphOptions}
	if err := c.withReferrers(ctx, source, target, root, extended); err != nil {
		return ocispec.Descriptor{}, err
	}
	if target.reference == "" || target.reference == root.Digest.String() {
		return root, nil
	}
	return root, target.Tag(ctx, root, target.reference)
}

// withReferrers copies a manifest with its referrers, and for an index those of every manifest below it: oras-go itself
// only looks for the root's.
func (c *copying) withReferrers(ctx context.Context, source, target *place, node ocispec.Descriptor, options oras.ExtendedCopyGraphOptions) error {
	below, err := content.Successors(ctx, source, node)
	if err != nil {
		return err
	}
	for _, child := range below {
		if isManifest(child.MediaType) {
			if err := c.withReferrers(ctx, source, target, child, options); err != nil {
				return err
			}
		}
	}
	// Upwards only along subjects, not from a platform's manifest to the indexes that list it.
	options.FindPredecessors = func(ctx context.Context, source content.ReadOnlyGraphStorage, node ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		return referrersOf(ctx, source, node)
	}
	return oras.ExtendedCopyGraph(ctx, source, target, node, options)
}
