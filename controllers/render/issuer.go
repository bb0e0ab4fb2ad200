package render

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/token"
)

// IssuerFile is the content of config.BundleIssuer; nil: there is none. It is in the Secret of the manifest, which has room; more than
// that has is ErrTooLarge.
func IssuerFile(issuer *config.TokenIssuer) ([]byte, error) {
	if issuer == nil {
		return nil, nil
	}
	out := *issuer
	out.Namespaces = slices.Compact(slices.Sorted(slices.Values(issuer.Namespaces)))
	data, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode token issuer: %w", err)
	}
	if data = append(data, '\n'); len(data) > MaxShardBytes/2 {
		return nil, fmt.Errorf("auth bundle: the names of %d namespaces have %d bytes, at most %d fit: have allowedNamespaces be {}, or select fewer: %w",
			len(out.Namespaces), len(data), MaxShardBytes/2, ErrTooLarge)
	}
	return data, nil
}

// Issuer reads an issuer's metadata (OpenID Connect Discovery) and keys, as the API server of a cluster tells them, for a bundle. What
// no token could be verified by is an error.
func Issuer(discovery, keys []byte) (*config.TokenIssuer, error) {
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(discovery, &metadata); err != nil {
		return nil, fmt.Errorf("read issuer of tokens: %w", err)
	}
	return IssuerOf(metadata.Issuer, keys)
}

// IssuerOf is the issuer of that name, with its keys.
func IssuerOf(name string, keys []byte) (*config.TokenIssuer, error) {
	if name == "" {
		return nil, fmt.Errorf("read issuer of tokens: it has no name")
	}
	if _, err := token.ParseKeys(keys); err != nil {
		return nil, err
	}
	return &config.TokenIssuer{Issuer: name, Keys: keys}, nil
}
