package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the input is invalid, or something failed
	exitUsage  = 2 // the command line is wrong
	exitPartly = 3 // it was done but for what was said
)

const rootHelp = `Runs, checks and prints MQTT brokers from Broker, User and ACL objects: the same YAML that
you would kubectl apply, with no cluster at all. And it shows and drives brokers that run: those in a
cluster, by the name of the Broker, and those that it runs itself, by --state-dir.

Exit codes: 0 success; 1 the input is invalid, or something failed; 2 the command line is wrong.
import has 3, too: it was done, but for what was said.`

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// failure is an error of the work itself, as opposed to one of the command line.
type failure struct{ error }

// Unwrap is the error of the work.
func (f failure) Unwrap() error { return f.error }

// errSaid is a failure that the output says already.
var errSaid = errors.New("said already")

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var failed failure
	var invalid *local.InvalidError
	var partly incomplete
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &invalid):
		fmt.Fprintf(s.err, "%v\n%s\n", err, count(len(invalid.Problems), "error"))
		return exitFailed
	case errors.As(err, &partly):
		fmt.Fprintln(s.err, partly)
		return exitPartly
	case errors.As(err, &failed):
		fmt.Fprintf(s.err, "Error: %v\n", err)
		return exitFailed
	}
	fmt.Fprintf(s.err, "Error: %v\nkubectl-mqtt --help says how it is used.\n", err)
	return exitUsage
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use: "kubectl-mqtt", Short: "MQTT brokers from Kubernetes objects, with and without a cluster", Long: rootHelp,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.AddGroup(&cobra.Group{ID: groupFiles, Title: "Brokers from files:"}, &cobra.Group{ID: groupLook, Title: "See what a broker does:"},
		&cobra.Group{ID: groupAct, Title: "Use and change it:"})
	group(root, groupFiles, newRun(s), newValidate(s), newRender(s), newImport(s), newPasswd(s))
	group(root, groupLook, newStatus(s), newClients(s), newClient(s), newTopics(s), newTrace(s), newTop(s), newConsole(s), newUsers(s), newPreviousPasswords(s), newACL(s), newCanI(s), newCerts(s), newReport(s))
	group(root, groupAct, newPub(s), newSub(s), newBench(s), newKick(s), newBackup(s), newRestore(s))
	root.AddCommand(newReference(s), &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(s.out, "kubectl-mqtt %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	})
	return root
}

// The groups of commands in the help.
const (
	groupFiles = "files"
	groupLook  = "look"
	groupAct   = "act"
)

func group(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = id
	}
	root.AddCommand(commands...)
}

// fileFlag adds -f; further arguments are paths too, so that a shell's wildcards work after it.
func fileFlag(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVarP(paths, "filename", "f", nil,
		"file or folder to read, - for stdin; folders are read to any depth (repeatable)")
	if err := cmd.MarkFlagRequired("filename"); err != nil {
		panic(err) // the flag is defined above
	}
	if err := cmd.MarkFlagFilename("filename", "yaml", "yml", "json"); err != nil {
		panic(err) // as above
	}
}

// newLoader compiles the schemas.
func newLoader(s streams) (manifests.Loader, error) {
	schemas, err := manifests.NewSchemas()
	return manifests.Loader{Schemas: schemas, Stdin: s.in}, err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
