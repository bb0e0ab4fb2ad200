package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// MaxKeysBytes bounds a set of keys, and maxKeys how many are in it.
const (
	MaxKeysBytes = 256 << 10
	maxKeys      = 256
)

// minRSABits is what a key must have at least. Kubernetes makes 2048.
const minRSABits = 2048

// Keys are the public keys of an issuer, by their identifiers.
type Keys map[string]jose.JSONWebKey

// ParseKeys reads a JSON Web Key Set (RFC 7517). Keys of other kinds than RSA, ECDSA and Ed25519, those for encryption, and those
// without an identifier are passed over; a set without any other, or with a key that nobody else may know, is an error.
func ParseKeys(data []byte) (Keys, error) {
	if len(data) > MaxKeysBytes {
		return nil, fmt.Errorf("parse token keys: more than %d bytes", MaxKeysBytes)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("parse token keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("parse token keys: %d keys, at most %d are allowed", len(set.Keys), maxKeys)
	}
	keys := Keys{}
	for _, k := range set.Keys {
		if k.KeyID == "" || k.Use != "" && k.Use != "sig" {
			continue
		}
		ok, err := public(k.Key)
		if err != nil {
			return nil, fmt.Errorf("parse token keys: key %.64q: %w", k.KeyID, err)
		}
		if _, twice := keys[k.KeyID]; ok && twice {
			return nil, fmt.Errorf("parse token keys: two keys are called %.64q", k.KeyID)
		}
		if ok {
			keys[k.KeyID] = k
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("parse token keys: there is no key that could verify a token")
	}
	return keys, nil
}

// public says whether a key can verify signatures; the error, why it must not be there.
func public(key any) (bool, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return false, fmt.Errorf("an RSA key of %d bits, fewer than %d", k.N.BitLen(), minRSABits)
		}
		return true, nil
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true, nil
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return false, errors.New("it is a private key")
	}
	return false, nil // symmetric ones among them, by which whoever verifies could sign
}
