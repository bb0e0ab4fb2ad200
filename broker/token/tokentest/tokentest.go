// Package tokentest makes tokens as the API server of a cluster does, for tests.
package tokentest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer signs tokens.
type Issuer struct {
	// URL is what it calls itself, and KeyID its key.
	URL, KeyID string
	// Key is private.
	Key crypto.Signer
	// Algorithm is that of its signatures.
	Algorithm jose.SignatureAlgorithm
}

// New is an issuer with a key of its own.
func New(t testing.TB) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{URL: "https://kubernetes.default.svc", KeyID: "key-" + rand.Text()[:8], Key: key, Algorithm: jose.ES256}
}

// JWKS are the public keys of issuers.
func JWKS(t testing.TB, issuers ...*Issuer) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, i := range issuers {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: i.Key.Public(), KeyID: i.KeyID, Algorithm: string(i.Algorithm), Use: "sig"})
	}
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Claims are what a pod's token says, good for an hour.
func (i *Issuer) Claims(namespace, name string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": i.URL, "sub": "system:serviceaccount:" + namespace + ":" + name, "aud": []string{"dunlin"},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"kubernetes.io": map[string]any{"namespace": namespace, "serviceaccount": map[string]any{"name": name, "uid": "x"}},
	}
}

// Token is a token that says claims.
func (i *Issuer) Token(t testing.TB, claims map[string]any) string {
	t.Helper()
	return Sign(t, i.Algorithm, i.Key, i.KeyID, claims)
}

// Sign is a token by whatever key and algorithm.
func Sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, keyID string, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
