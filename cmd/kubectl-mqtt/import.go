package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mosquitto"
)

const importHelp = `Reads a Mosquitto's configuration, with the password and ACL files that it names, and prints the
Broker, the Users and the ACLs that do the same. Password hashes are kept, so clients keep their
passwords. Keys of certificates are not copied: the commands that make the Secrets are said.

What has no counterpart (bridges, plugins, pre-shared keys) is said with its file and line, and the
exit code is 3 then. What does the same in another way is said too.

Exit codes: 0 everything was converted; 1 a file cannot be read, or what comes of it is not valid;
2 the command line is wrong; 3 converted, but for what was said.`

func newImport(s streams) *cobra.Command {
	var target mosquitto.Target
	var folder string
	cmd := &cobra.Command{
		Use: "import MOSQUITTO.CONF [-o DIR]", Short: "Turn a Mosquitto's configuration into Broker, User and ACL objects", Long: importHelp,
		Example: "  kubectl-mqtt import /etc/mosquitto/mosquitto.conf\n  kubectl-mqtt import mosquitto.conf --name edge -n plant -o edge/",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if bad := validation.IsDNS1123Label(target.Name); len(bad) > 0 || len(target.Name) > 40 {
				return fmt.Errorf("--name %q: a Broker's name has at most 40 letters, digits and -", target.Name)
			}
			return importFrom(s, args[0], target, folder)
		},
	}
	cmd.Flags().StringVar(&target.Name, "name", "mosquitto", "name of the Broker")
	cmd.Flags().StringVarP(&target.Namespace, "namespace", "n", "", "namespace of the objects (default the one they are applied to)")
	cmd.Flags().StringVarP(&folder, "output-dir", "o", "", "write broker.yaml, users.yaml and acls.yaml to this folder instead of printing them")
	return cmd
}

// incomplete is how many lines were not converted.
type incomplete int

// Error is a line.
func (i incomplete) Error() string {
	return count(int(i), "setting") + " not converted: see above"
}

func importFrom(s streams, path string, target mosquitto.Target, folder string) error {
	imported, err := mosquitto.Read(path)
	if err != nil {
		return failure{err}
	}
	documents, err := imported.Objects(target)
	if err != nil {
		return failure{err}
	}
	for _, note := range imported.Notes {
		fmt.Fprintln(s.err, note)
	}
	if folder == "" {
		fmt.Fprintf(s.out, "%s", inOneFile(documents))
	} else if err := writeObjects(s, folder, documents); err != nil {
		return failure{err}
	}
	if lost := imported.Lost(); lost > 0 {
		return incomplete(lost)
	}
	return nil
}

func inOneFile(documents []mosquitto.Document) []byte {
	var all [][]byte
	for _, d := range documents {
		all = append(all, d.YAML)
	}
	return bytes.Join(all, []byte("---\n"))
}

// writeObjects writes a file a kind, which only the owner can read: password hashes are among them.
func writeObjects(s streams, folder string, documents []mosquitto.Document) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, kind := range []string{"Broker", "User", "ACL"} {
		var of []mosquitto.Document
		for _, d := range documents {
			if d.Kind == kind {
				of = append(of, d)
			}
		}
		if len(of) == 0 {
			continue
		}
		name := strings.ToLower(kind) + "s.yaml"
		if kind == "Broker" {
			name = "broker.yaml"
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, inOneFile(of), 0o600); err != nil {
			return fmt.Errorf("write objects: %w", err)
		}
		fmt.Fprintln(s.out, path)
	}
	return nil
}
