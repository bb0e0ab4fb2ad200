package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// Limits of a bundle. A Kubernetes Secret holds 1 MiB; bundles that are not from Secrets may have larger files.
const (
	maxManifestBytes = 1 << 20
	maxShards        = 1024
	maxShardBytes    = 64 << 20
	maxBundleBytes   = 512 << 20
)

// shardName is what a bundle's files are called, which keeps a manifest from naming files elsewhere.
var shardName = regexp.MustCompile(`^(?:(passwd)-\d{2,4}|(?:(users)|(acls))-\d{2,4}\.json)$`)

// loadBundle reads a bundle as a whole: every file has the sum that the manifest says, or nothing is used.
func loadBundle(dir string) (material, error) {
	data, err := filewatch.Read(filepath.Join(dir, config.BundleManifest), maxManifestBytes)
	if err != nil {
		return material{}, fmt.Errorf("bundle: %w", err)
	}
	var manifest config.Manifest
	name := filepath.Join(dir, config.BundleManifest)
	if err := config.ParseBundled(data, name, &manifest); err != nil {
		return material{}, fmt.Errorf("bundle: %w", err)
	}
	if manifest.Revision == "" {
		return material{}, fmt.Errorf("bundle: %s: revision must be set", name)
	}
	shards, err := readShards(dir, manifest)
	if err != nil {
		return material{}, fmt.Errorf("bundle %s: %w", dir, err)
	}
	m := material{
		passwords: &password.File{},
		groups:    make(map[string][]string),
		selected:  make(map[string][]string),
		limits:    make(map[string]config.UserLimits),
		revision:  manifest.Revision,
		sum:       sha256.Sum256(data), // it has the sums of the others
	}
	if data, ok := shards[config.BundleIssuer]; ok {
		if m.issuer, err = parseIssuer(data, filepath.Join(dir, config.BundleIssuer)); err != nil {
			return material{}, fmt.Errorf("bundle: %w", err)
		}
		delete(shards, config.BundleIssuer)
	}
	for _, shard := range slices.Sorted(maps.Keys(shards)) {
		if err := m.addShard(shard, filepath.Join(dir, shard), shards[shard]); err != nil {
			return material{}, fmt.Errorf("bundle: %w", err)
		}
	}
	return m, nil
}

// readShards reads the files of a manifest and verifies their sums.
func readShards(dir string, manifest config.Manifest) (map[string][]byte, error) {
	if len(manifest.Files) > maxShards {
		return nil, fmt.Errorf("manifest names %d files, at most %d are allowed", len(manifest.Files), maxShards)
	}
	shards := make(map[string][]byte, len(manifest.Files))
	total := 0
	for _, name := range slices.Sorted(maps.Keys(manifest.Files)) {
		if name != config.BundleIssuer && !shardName.MatchString(name) {
			return nil, fmt.Errorf("manifest names %.60q, which is not called passwd-NN, users-NN.json, acls-NN.json or issuer.json", name)
		}
		data, err := filewatch.Read(filepath.Join(dir, name), maxShardBytes)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != manifest.Files[name] {
			return nil, fmt.Errorf("%s does not have the SHA-256 that the manifest of revision %.16s says: "+
				"it is being replaced, or damaged", name, manifest.Revision)
		}
		if total += len(data); total > maxBundleBytes {
			return nil, fmt.Errorf("files have more than %d bytes together", maxBundleBytes)
		}
		shards[name] = data
	}
	return shards, nil
}

// addShard adds the content of one file, whose name is known to be good; path stands for it in errors.
func (m *material) addShard(name, path string, data []byte) error {
	switch kind := shardName.FindStringSubmatch(name); {
	case kind[1] != "":
		return m.passwords.Add(bytes.NewReader(data), path)
	case kind[2] != "":
		var set config.UserSet
		if err := config.ParseBundled(data, path, &set); err != nil {
			return err
		}
		if err := set.Validate(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		m.addUsers(set.Users)
	default:
		var set config.ACLSet
		if err := config.ParseBundled(data, path, &set); err != nil {
			return err
		}
		if err := set.Validate(validTopic); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		m.acls = append(m.acls, set.Defaulted().ACLs...)
	}
	return nil
}
