package local

import (
	"fmt"
	"io"
	"maps"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// AuthFolder is where Files has users and access rules.
const AuthFolder = "auth"

// ConfigFile is what Files calls the broker's configuration.
const ConfigFile = "config.yaml"

// Files are what the pods of a Broker read, name -> content, and notes on Users that are left out.
// Passwords come from state, which is only read; random makes the salts of those that have no hash yet.
func Files(set *manifests.Set, broker string, state *State, random io.Reader) (files map[string][]byte, notes []string, err error) {
	b, err := set.Broker(broker)
	if err != nil {
		return nil, nil, err
	}
	p := &plan{broker: b}
	issuer, err := p.issuer(set, Options{})
	if err != nil {
		return nil, nil, err
	}
	if err := p.addAuth(keeper{state: state, set: set, random: random}, issuer); err != nil {
		return nil, nil, err
	}
	paths := render.PodPaths()
	paths.More = render.PodMore(children.MoreSecrets(b), children.MoreKeys)
	configuration, err := render.ConfigYAML(render.Config(b, paths))
	if err != nil {
		return nil, nil, fmt.Errorf("configuration of %s: %w", name(b), err)
	}
	files = map[string][]byte{ConfigFile: configuration}
	for file, content := range maps.All(bundleFiles(p.bundle)) {
		files[AuthFolder+"/"+file] = content
	}
	return files, p.notes, nil
}
