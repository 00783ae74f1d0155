package main

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/google/go-containerregistry/pkg/registry"
)

// perRepository keeps the blobs of each repository apart. go-containerregistry's own handlers have one pool for all, where
// a client that forgets a blob would never be found out.
type perRepository struct {
	folder string
	lock   sync.Mutex
	all    map[string]registry.BlobHandler
}

func (p *perRepository) of(repository string) registry.BlobHandler {
	// The registry names the repository of a PUT to /v2/NAME/blobs/uploads/ID with that /blobs at its end.
	repository = strings.TrimSuffix(repository, "/blobs")
	p.lock.Lock()
	defer p.lock.Unlock()
	if handler, ok := p.all[repository]; ok {
		return handler
	}
	if p.all == nil {
		p.all = map[string]registry.BlobHandler{}
	}
	handler := registry.NewInMemoryBlobHandler()
	if p.folder != "" {
		folder := filepath.Join(p.folder, url.PathEscape(repository))
		// A folder that cannot be made shows when the first blob is put there.
		_ = os.MkdirAll(folder, 0o755)
		handler = registry.NewDiskBlobHandler(folder)
	}
	p.all[repository] = handler
	return handler
}

// Get implements registry.BlobHandler.
func (p *perRepository) Get(ctx context.Context, repository string, digest v1.Hash) (io.ReadCloser, error) {
	return p.of(repository).Get(ctx, repository, digest)
}

// Stat implements registry.BlobStatHandler.
func (p *perRepository) Stat(ctx context.Context, repository string, digest v1.Hash) (int64, error) {
	return p.of(repository).(registry.BlobStatHandler).Stat(ctx, repository, digest)
}

// Put implements registry.BlobPutHandler.
func (p *perRepository) Put(ctx context.Context, repository string, digest v1.Hash, content io.ReadCloser) error {
	return p.of(repository).(registry.BlobPutHandler).Put(ctx, repository, digest, content)
}

// Delete implements registry.BlobDeleteHandler.
func (p *perRepository) Delete(ctx context.Context, repository string, digest v1.Hash) error {
	return p.of(repository).(registry.BlobDeleteHandler).Delete(ctx, repository, digest)
}

// mount makes a blob of one repository one of another; false when the first has none such.
func (p *perRepository) mount(ctx context.Context, digest v1.Hash, from, to string) bool {
	content, err := p.Get(ctx, from, digest)
	if err != nil {
		return false
	}
	return p.Put(ctx, to, digest, content) == nil
}
