package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mosquitto"
)

// MosquittoOptions are what `kubectl-mqtt run --mosquitto-conf` is told.
type MosquittoOptions struct {
	File     string // Mosquitto's configuration
	StateDir string // where the store is, if the file names no place, and the access rules as the broker reads them
	Version  string // of this program
	Out      io.Writer
	Log      io.Writer
}

// mosquittoACLs is the file of the access rules.
const mosquittoACLs = "mosquitto-acls.yaml"

// RunMosquitto runs a broker as a Mosquitto's configuration says, on its addresses and with its files, until ctx is done. Its
// password file, its ACL file and its certificates are followed; an edit of the configuration itself needs another start.
func RunMosquitto(ctx context.Context, o MosquittoOptions) (err error) {
	imported, err := mosquitto.Read(o.File)
	if err != nil {
		return err
	}
	for _, note := range imported.Notes {
		say(o.Out, "%s\n", note)
	}
	state, err := OpenState(o.StateDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	cfg := imported.Config
	cfg.AuthFiles.ACLFile = state.path(mosquittoACLs)
	if err := writeMosquittoACLs(imported, cfg.AuthFiles.ACLFile); err != nil {
		return err
	}
	switch {
	case cfg.Store.Sync == config.SyncMemory:
	case cfg.Store.Dir == "":
		cfg.Store.Dir = state.path("data", "mosquitto")
	default:
		cfg.Store.Dir = filepath.Join(cfg.Store.Dir, "dunlin") // beside Mosquitto's own file
	}
	broker, err := start(cfg, o.Version, o.Log)
	if err != nil {
		return err
	}
	for _, l := range cfg.Defaulted().Listeners {
		say(o.Out, "%-6s listens on %s\n", l.Protocol, broker.Addr(l.Name))
	}
	stop := followMosquittoACLs(o, imported, cfg.AuthFiles.ACLFile)
	defer stop()
	select {
	case <-ctx.Done():
		return broker.halt()
	case err := <-broker.done:
		if errors.Is(err, server.ErrRestored) {
			return errors.New("a backup was restored: start again")
		}
		return fmt.Errorf("broker stopped: %w", err)
	}
}

func writeMosquittoACLs(imported *mosquitto.Import, path string) error {
	data, err := imported.ACLFileYAML()
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

// followMosquittoACLs converts Mosquitto's ACL file again whenever it changes; the broker follows what comes of it.
func followMosquittoACLs(o MosquittoOptions, imported *mosquitto.Import, path string) (stop func()) {
	if imported.ACLFile == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		log := logger(levelOf(imported.Config.Log), o.Log)
		_ = filewatch.Watch(ctx, []string{imported.ACLFile}, log, func() { // it has a path, so there is no error
			again, err := mosquitto.Read(o.File)
			if err == nil {
				err = writeMosquittoACLs(again, path)
			}
			if err != nil {
				log.Error("changed access rules cannot be used, the old ones stay", "reason", err.Error())
			}
		})
	}()
	return func() {
		cancel()
		<-done
	}
}
