package main

import (
	"fmt"
	"net"
	"strings"

	oras "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// place is a repository with the tag or digest that a reference names in it.
type place struct {
	oras.GraphTarget
	// reference is a tag or a digest; empty when the text has none.
	reference string
	// remote is nil for an image layout.
	remote *remote.Repository
}

// clients hands out one client for all repositories, so that connections and tokens are shared.
type clients struct {
	client *auth.Client
}

func newClients() (*clients, error) {
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, err
	}
	return &clients{&auth.Client{
		Client:     retry.DefaultClient,
		Cache:      auth.NewCache(),
		Credential: credentials.Credential(store),
	}}, nil
}

func (c *clients) open(text string) (*place, error) {
	if rest, ok := strings.CutPrefix(text, "oci:"); ok {
		folder, reference := rest, ""
		if at := strings.LastIndexAny(rest, ":@"); at >= 0 {
			folder, reference = rest[:at], rest[at+1:]
			// A digest has a colon of its own.
			if algorithm := strings.LastIndex(folder, "@"); algorithm >= 0 {
				folder, reference = rest[:algorithm], rest[algorithm+1:]
			}
		}
		store, err := oci.New(folder)
		if err != nil {
			return nil, fmt.Errorf("layout %s: %w", folder, err)
		}
		return &place{store, reference, nil}, nil
	}
	repository, err := remote.NewRepository(text)
	if err != nil {
		return nil, err
	}
	repository.Client = c.client
	repository.PlainHTTP = loopback(repository.Reference.Registry)
	return &place{repository, repository.Reference.Reference, repository}, nil
}

func loopback(registry string) bool {
	host, _, err := net.SplitHostPort(registry)
	if err != nil {
		host = registry
	}
	address := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || address != nil && address.IsLoopback()
}
