package controllers

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// kindRecheck is how long it is remembered that the cluster has, or has not, a kind of another project's.
	kindRecheck = time.Minute
	// kindRetry is how often a Broker that wants an object of a kind is looked at again while there is no such kind: that
	// cannot be watched.
	kindRetry = 2 * time.Minute
)

// kinds knows which of other projects' kinds the cluster has.
type kinds struct {
	mu    sync.Mutex
	known map[schema.GroupKind]knownKind
}

type knownKind struct {
	checked time.Time
	version string
}

// version is the one of the kind that the cluster prefers, or of those given if any are; "": it has none. The cluster is asked at
// most once in kindRecheck.
func (k *kinds) version(mapper meta.RESTMapper, kind schema.GroupKind, now time.Time, versions ...string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if last, ok := k.known[kind]; ok && now.Sub(last.checked) < kindRecheck && !now.Before(last.checked) {
		return last.version, nil
	}
	version := ""
	switch mapping, err := mapper.RESTMapping(kind, versions...); {
	case err == nil:
		version = mapping.GroupVersionKind.Version
	case !meta.IsNoMatchError(err):
		return "", fmt.Errorf("ask for the kind %s: %w", kind.Kind, err)
	}
	if k.known == nil {
		k.known = map[schema.GroupKind]knownKind{}
	}
	k.known[kind] = knownKind{now, version}
	return version, nil
}
