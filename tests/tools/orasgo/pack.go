package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	oras "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
)

// packing is what push and attach are told.
type packing struct {
	artifactType string
	config       string
	spec         string
	annotations  pairs
	file         string
	reproducible bool
	concurrency  int
}

// pairs collects KEY=VALUE flags.
type pairs map[string]string

func (p pairs) String() string { return fmt.Sprint(map[string]string(p)) }

func (p pairs) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q has no =", text)
	}
	p[key] = value
	return nil
}

func (p *packing) flags(name string) *flag.FlagSet {
	p.annotations = pairs{}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&p.artifactType, "artifact-type", "", "type of the artifact")
	flags.StringVar(&p.config, "config", "", "FILE[:TYPE] to be the config")
	flags.StringVar(&p.spec, "image-spec", "v1.1", "v1.0 or v1.1")
	flags.Var(p.annotations, "annotation", "KEY=VALUE of the manifest; may be repeated")
	flags.StringVar(&p.file, "annotation-file", "", "JSON with annotations of $manifest, $config and files")
	flags.BoolVar(&p.reproducible, "reproducible", false, "leave time stamps out of archives of folders")
	flags.IntVar(&p.concurrency, "concurrency", 0, "how many things at a time")
	return flags
}

func push(ctx context.Context, args []string) error {
	var p packing
	flags := p.flags("push")
	if err := parse(flags, args, 1, -1); err != nil {
		return err
	}
	return p.run(ctx, flags.Arg(0), flags.Args()[1:], false)
}

func attach(ctx context.Context, args []string) error {
	var p packing
	flags := p.flags("attach")
	if err := parse(flags, args, 1, -1); err != nil {
		return err
	}
	return p.run(ctx, flags.Arg(0), flags.Args()[1:], true)
}

func (p *packing) run(ctx context.Context, reference string, files []string, asReferrer bool) error {
	clients, err := newClients()
	if err != nil {
		return err
	}
	target, err := clients.open(reference)
	if err != nil {
		return err
	}
	annotations, err := p.annotationsByName()
	if err != nil {
		return err
	}
	store, err := file.New("")
	if err != nil {
		return err
	}
	defer store.Close()
	store.TarReproducible = p.reproducible

	options := oras.PackManifestOptions{ManifestAnnotations: annotations["$manifest"], ConfigAnnotations: annotations["$config"]}
	version := oras.PackManifestVersion1_1
	if p.spec == "v1.0" {
		version = oras.PackManifestVersion1_0
	}
	if p.config != "" {
		path, mediaType := split(p.config, "application/vnd.unknown.config.v1+json")
		config, err := store.Add(ctx, "$config", mediaType, path)
		if err != nil {
			return err
		}
		config.Annotations = annotations["$config"]
		options.ConfigDescriptor = &config
	}
	for _, text := range files {
		path, mediaType := split(text, "")
		name := filepath.ToSlash(filepath.Clean(path))
		layer, err := store.Add(ctx, name, mediaType, path)
		if err != nil {
			return err
		}
		if more := annotations[path]; more != nil {
			if layer.Annotations == nil {
				layer.Annotations = map[string]string{}
			}
			maps.Copy(layer.Annotations, more)
		}
		options.Layers = append(options.Layers, layer)
	}
	if asReferrer {
		subject, err := target.Resolve(ctx, target.reference)
		if err != nil {
			return err
		}
		// The subject's own type and annotations are no part of what refers to it.
		options.Subject = &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	}
	root, err := oras.PackManifest(ctx, store, version, p.artifactType, options)
	if err != nil {
		return err
	}
	tag := ""
	if !asReferrer {
		tag = target.reference
	}
	copying := oras.CopyGraphOptions{Concurrency: p.concurrency}
	if err := oras.CopyGraph(ctx, store, target, root, copying); err != nil {
		return err
	}
	if tag != "" && tag != root.Digest.String() {
		if err := target.Tag(ctx, root, tag); err != nil {
			return err
		}
	}
	return printJSON(root)
}

// annotationsByName joins the file's annotations with those of flags, which go to the manifest.
func (p *packing) annotationsByName() (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	if p.file != "" {
		text, err := os.ReadFile(p.file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &all); err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
	}
	if len(p.annotations) > 0 {
		if all["$manifest"] == nil {
			all["$manifest"] = map[string]string{}
		}
		maps.Copy(all["$manifest"], p.annotations)
	}
	return all, nil
}

// mediaType is what may stand after the last colon of FILE:TYPE; a path has no such end (RFC 6838, section 4.2).
var mediaType = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`)

func split(text, otherwise string) (string, string) {
	if at := strings.LastIndex(text, ":"); at >= 0 && mediaType.MatchString(text[at+1:]) {
		return text[:at], text[at+1:]
	}
	return text, otherwise
}
