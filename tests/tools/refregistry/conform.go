package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	indexType = "application/vnd.oci.image.index.v1+json"
	// mostManifest is the most that a manifest may take; the specification asks for at least 4 MiB.
	mostManifest = 4 << 20
)

// conforming adds what the OCI distribution specification 1.1 asks of a registry and go-containerregistry's leaves out:
// OCI-Subject, referrers with their own artifactType, filters and pages of them, mounts, blobs that must be there before
// a manifest that needs them, where an uploaded blob is, tags that go with their manifest, open-ended ranges.
type conforming struct {
	inner http.Handler
	blobs *perRepository
	page  int
	// deleting keeps a delete and its tags together.
	deleting sync.Mutex
}

// manifest is what this server needs to know of one.
type manifest struct {
	ArtifactType string            `json:"artifactType"`
	Config       *descriptor       `json:"config"`
	Layers       []descriptor      `json:"layers"`
	Blobs        []descriptor      `json:"blobs"`
	Subject      *descriptor       `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

func (c *conforming) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	repository, what, reference := split(r.URL.Path)
	switch {
	case r.URL.Path != "/v2" && !strings.HasPrefix(r.URL.Path, "/v2/"):
		// The registry inside takes any path that ends like one of its own.
		http.NotFound(w, r)
	case what == "manifests" && r.Method == http.MethodPut:
		c.putManifest(w, r, repository, reference)
	case what == "manifests" && r.Method == http.MethodDelete && isDigest(reference):
		c.deleteManifest(w, r, repository, reference)
	case what == "referrers" && r.Method == http.MethodGet && isDigest(reference):
		c.referrers(w, r, repository, reference)
	case what == "blobs" && r.Method == http.MethodPost && r.URL.Query().Get("mount") != "":
		c.mount(w, r, repository)
	case what == "blobs" && r.URL.Query().Get("digest") != "" && (r.Method == http.MethodPut || r.Method == http.MethodPost):
		w.Header().Set("Location", "/v2/"+repository+"/blobs/"+r.URL.Query().Get("digest"))
		c.inner.ServeHTTP(w, r)
	case what == "blobs" && r.Method == http.MethodGet:
		c.getBlob(w, r, repository, reference)
	default:
		c.inner.ServeHTTP(w, r)
	}
}

// split takes /v2/REPOSITORY/WHAT/REFERENCE apart.
func split(path string) (repository, what, reference string) {
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return "", "", ""
	}
	if at := strings.Index(rest, "/blobs/uploads"); at >= 0 {
		return rest[:at], "blobs", ""
	}
	for _, what := range []string{"manifests", "blobs", "referrers"} {
		if at := strings.LastIndex(rest, "/"+what+"/"); at >= 0 {
			return rest[:at], what, rest[at+len(what)+2:]
		}
	}
	return "", "", ""
}

func isDigest(text string) bool {
	_, err := v1.NewHash(text)
	return err == nil
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	problem := map[string]string{"code": code, "message": message}
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{problem}})
}

// ask puts a question to the registry inside.
func (c *conforming) ask(r *http.Request, method, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	c.inner.ServeHTTP(answer, httptest.NewRequestWithContext(r.Context(), method, path, nil))
	return answer
}

func (c *conforming) putManifest(w http.ResponseWriter, r *http.Request, repository, reference string) {
	text, err := io.ReadAll(io.LimitReader(r.Body, mostManifest+1))
	if err != nil {
		return
	}
	var m manifest
	if len(text) > mostManifest {
		refuse(w, http.StatusRequestEntityTooLarge, "SIZE_INVALID", "the manifest is larger than 4 MiB")
		return
	}
	if err := json.Unmarshal(text, &m); err != nil {
		refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", err.Error())
		return
	}
	if digest, _, _ := v1.SHA256(bytes.NewReader(text)); isDigest(reference) && digest.String() != reference {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "the manifest's digest is "+digest.String())
		return
	}
	needed := slices.Concat(m.Layers, m.Blobs)
	if m.Config != nil {
		needed = append(needed, *m.Config)
	}
	for _, blob := range needed {
		digest, err := v1.NewHash(blob.Digest)
		if err != nil {
			refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", err.Error())
			return
		}
		if _, err := c.blobs.Stat(r.Context(), repository, digest); err != nil && !strings.Contains(blob.MediaType, "foreign") {
			refuse(w, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry: "+blob.Digest)
			return
		}
	}
	if m.Subject != nil {
		w.Header().Set("OCI-Subject", m.Subject.Digest)
	}
	w.Header().Set("Location", r.URL.Path)
	r.Body = io.NopCloser(bytes.NewReader(text))
	c.inner.ServeHTTP(w, r)
}

// deleteManifest takes the tags away as well that name the manifest.
func (c *conforming) deleteManifest(w http.ResponseWriter, r *http.Request, repository, digest string) {
	c.deleting.Lock()
	defer c.deleting.Unlock()
	var list struct{ Tags []string }
	_ = json.Unmarshal(c.ask(r, http.MethodGet, "/v2/"+repository+"/tags/list").Body.Bytes(), &list)
	for _, tag := range list.Tags {
		path := "/v2/" + repository + "/manifests/" + tag
		if c.ask(r, http.MethodHead, path).Header().Get("Docker-Content-Digest") == digest {
			c.ask(r, http.MethodDelete, path)
		}
	}
	c.inner.ServeHTTP(w, r)
}

func (c *conforming) referrers(w http.ResponseWriter, r *http.Request, repository, subject string) {
	inside := c.ask(r, http.MethodGet, "/v2/"+repository+"/referrers/"+subject)
	var index struct{ Manifests []descriptor }
	_ = json.Unmarshal(inside.Body.Bytes(), &index)
	list := []descriptor{}
	for _, referrer := range index.Manifests {
		var m manifest
		_ = json.Unmarshal(c.ask(r, http.MethodGet, "/v2/"+repository+"/manifests/"+referrer.Digest).Body.Bytes(), &m)
		if m.ArtifactType != "" {
			referrer.ArtifactType = m.ArtifactType
		}
		list = append(list, referrer)
	}
	slices.SortFunc(list, func(a, b descriptor) int { return cmp.Compare(a.Digest, b.Digest) })

	query := r.URL.Query()
	if wanted := query.Get("artifactType"); wanted != "" {
		list = slices.DeleteFunc(list, func(d descriptor) bool { return d.ArtifactType != wanted })
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	if last := query.Get("last"); last != "" {
		list = slices.DeleteFunc(list, func(d descriptor) bool { return d.Digest <= last })
	}
	if c.page > 0 && len(list) > c.page {
		list = list[:c.page]
		next := url.Values{"last": {list[c.page-1].Digest}}
		if wanted := query.Get("artifactType"); wanted != "" {
			next.Set("artifactType", wanted)
		}
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.Path, next.Encode()))
	}
	w.Header().Set("Content-Type", indexType)
	_ = json.NewEncoder(w).Encode(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": list})
}

func (c *conforming) mount(w http.ResponseWriter, r *http.Request, repository string) {
	query := r.URL.Query()
	digest, err := v1.NewHash(query.Get("mount"))
	if err != nil || query.Get("from") == "" || !c.blobs.mount(r.Context(), digest, query.Get("from"), repository) {
		// An upload begins instead.
		r.URL.RawQuery = ""
		c.inner.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Location", "/v2/"+repository+"/blobs/"+digest.String())
	w.Header().Set("Docker-Content-Digest", digest.String())
	w.WriteHeader(http.StatusCreated)
}

// getBlob fills in where a range ends that says nothing of it.
func (c *conforming) getBlob(w http.ResponseWriter, r *http.Request, repository, reference string) {
	if wanted := r.Header.Get("Range"); strings.HasSuffix(wanted, "-") {
		if digest, err := v1.NewHash(reference); err == nil {
			if size, err := c.blobs.Stat(r.Context(), repository, digest); err == nil {
				r.Header.Set("Range", fmt.Sprintf("%s%d", wanted, size-1))
			}
		}
	}
	c.inner.ServeHTTP(w, r)
}
