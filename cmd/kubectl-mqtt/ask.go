package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

// askOptions are what the commands that ask a broker have in common.
type askOptions struct {
	targetOptions
	format screen.Format
}

func (o *askOptions) flags(cmd *cobra.Command) {
	o.targetOptions.flags(cmd)
	o.format = screen.FormatTable
	formatFlag(cmd, &o.format, screen.Formats())
}

// formatFlag adds -o, which takes one of a few words.
func formatFlag(cmd *cobra.Command, format pflag.Value, of []string) {
	cmd.Flags().VarP(format, "output", "o", "how to print: "+strings.Join(of, ", "))
	if err := cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined above
	}
}

// asked is a broker that answers, and where the answer goes.
type asked struct {
	*reached
	*screen.Screen
	format screen.Format
	err    *screen.Screen // for notes
}

// newAsked is of a broker that is not reached yet.
func newAsked(s streams, format screen.Format) *asked {
	return &asked{Screen: screen.New(s.out, os.Getenv), format: format, err: screen.New(s.err, os.Getenv)}
}

// ask is the work of a command that takes a broker and least to most further arguments.
func (o *askOptions) ask(s streams, least, most int, do func(ctx context.Context, a *asked, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		broker, rest, err := o.take(args, least, most)
		if err != nil {
			return err
		}
		to, err := o.reach(cmd.Context(), broker)
		if err != nil {
			return failure{err}
		}
		defer to.Close()
		a := newAsked(s, o.format)
		a.reached = to
		if err := do(cmd.Context(), a, rest); err != nil {
			return failure{err}
		}
		return nil
	}
}

// show prints value for programs, or what table makes of it for people.
func (a *asked) show(value any, table func(wide bool) []string) error {
	if a.format.ForPrograms() {
		return a.Encode(a.format, value)
	}
	return a.Print(table(a.format == screen.FormatWide)...)
}

// list prints rows of a list for people, or that there are none.
func (a *asked) list(value any, none string, table func() *screen.Table) error {
	return a.show(value, func(wide bool) []string {
		t := table()
		if len(t.Rows) == 0 {
			return []string{none}
		}
		return a.Lines(t, wide, "")
	})
}

// note tells people something that is not the answer.
func (a *asked) note(format string, args ...any) {
	fmt.Fprintln(a.err.Out, a.err.Paint(screen.Faint, fmt.Sprintf(format, args...)))
}

// rights says what one must be allowed in the cluster, for the help.
const rights = `In a cluster it goes through a port-forward to the broker's pod: you need to be allowed to get the Secret
BROKER-operator-tls, to list pods, and to create pods/portforward.`

// exits is what the exit codes of most commands are, for the help.
const exits = "Exit codes: 0 success; 1 something failed; 2 the command line is wrong."

// whose is how help says where BROKER may be left out.
const whose = "BROKER may be left out where the namespace has only one, and is with --state-dir."
