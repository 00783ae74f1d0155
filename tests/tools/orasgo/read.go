package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	oras "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry"
)

func pull(ctx context.Context, args []string) error {
	var folder string
	var concurrency int
	flags := flag.NewFlagSet("pull", flag.ContinueOnError)
	flags.StringVar(&folder, "o", ".", "folder to write into")
	flags.IntVar(&concurrency, "concurrency", 0, "how many things at a time")
	if err := parse(flags, args, 1, 1); err != nil {
		return err
	}
	clients, err := newClients()
	if err != nil {
		return err
	}
	source, err := clients.open(flags.Arg(0))
	if err != nil {
		return err
	}
	store, err := file.New(folder)
	if err != nil {
		return err
	}
	defer store.Close()
	options := oras.DefaultCopyOptions
	options.Concurrency = concurrency
	// What refers to something else is pulled without it.
	options.FindSuccessors = func(ctx context.Context, fetcher content.Fetcher, node ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		successors, err := content.Successors(ctx, fetcher, node)
		if err != nil || !isManifest(node.MediaType) {
			return successors, err
		}
		subject, err := subjectOf(ctx, fetcher, node)
		if err != nil || subject == nil {
			return successors, err
		}
		kept := successors[:0]
		for _, successor := range successors {
			if successor.Digest != subject.Digest {
				kept = append(kept, successor)
			}
		}
		return kept, nil
	}
	root, err := oras.Copy(ctx, source, source.reference, store, source.reference, options)
	if err != nil {
		return err
	}
	return printJSON(root)
}

// found is a referrer with what refers to it in turn.
type found struct {
	ocispec.Descriptor
	Referrers []found `json:"referrers"`
}

func discover(ctx context.Context, args []string) error {
	var artifactType string
	flags := flag.NewFlagSet("discover", flag.ContinueOnError)
	flags.StringVar(&artifactType, "artifact-type", "", "only referrers of this type (of the first level)")
	if err := parse(flags, args, 1, 1); err != nil {
		return err
	}
	clients, err := newClients()
	if err != nil {
		return err
	}
	source, err := clients.open(flags.Arg(0))
	if err != nil {
		return err
	}
	root, err := source.Resolve(ctx, source.reference)
	if err != nil {
		return err
	}
	tree, err := treeOf(ctx, source, root, artifactType)
	if err != nil {
		return err
	}
	return printJSON(found{root, tree})
}

func treeOf(ctx context.Context, source *place, node ocispec.Descriptor, artifactType string) ([]found, error) {
	referrers, err := registry.Referrers(ctx, source, node, artifactType)
	if err != nil {
		return nil, err
	}
	tree := []found{}
	for _, referrer := range referrers {
		below, err := treeOf(ctx, source, referrer, "")
		if err != nil {
			return nil, err
		}
		tree = append(tree, found{referrer, below})
	}
	return tree, nil
}

func fetch(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	if err := parse(flags, args, 1, 1); err != nil {
		return err
	}
	clients, err := newClients()
	if err != nil {
		return err
	}
	source, err := clients.open(flags.Arg(0))
	if err != nil {
		return err
	}
	_, bytes, err := oras.FetchBytes(ctx, source, source.reference, oras.DefaultFetchBytesOptions)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(bytes)
	return err
}

func referrersOf(ctx context.Context, source content.ReadOnlyGraphStorage, node ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	return registry.Referrers(ctx, source, node, "")
}

func subjectOf(ctx context.Context, fetcher content.Fetcher, node ocispec.Descriptor) (*ocispec.Descriptor, error) {
	bytes, err := content.FetchAll(ctx, fetcher, node)
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Subject *ocispec.Descriptor `json:"subject"`
	}
	if err := json.Unmarshal(bytes, &manifest); err != nil {
		return nil, err
	}
	return manifest.Subject, nil
}

func isManifest(mediaType string) bool {
	return strings.Contains(mediaType, "manifest") || strings.Contains(mediaType, "image.index")
}
