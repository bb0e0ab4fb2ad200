package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/bundle"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/health"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

const reportHelp = `Collects what somebody needs who is to help you into a tar.gz: the status, the overview, the first 1000 clients,
users, access rules, denials and metrics; and in a cluster the Broker, its Users and ACLs, its pods and their logs, the
operator's log, services, events, and the broker's configuration. What cannot be had is listed in MISSING.txt.

Secrets are removed: no Secret is in it, passwords, their hashes, tokens and private keys are taken out of all else. What
stays are names: of clients, users, topics and addresses. Look at it before you send it: tar xzf FILE.

` + whose + `
` + rights + ` It also reads
the pods' logs, events, services and the ConfigMap BROKER-config; what you may not read is left out.

` + exits

type reportOptions struct {
	targetOptions
	file  string
	force bool
	lines int64
}

func newReport(s streams) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use: "report [BROKER]", Short: "Collect a support bundle, without secrets", Long: reportHelp,
		Example: "  kubectl mqtt report edge -n plant\n" +
			"  kubectl-mqtt report --state-dir ./dunlin-state -o report.tar.gz",
	}
	o.flags(cmd)
	cmd.Flags().StringVarP(&o.file, "output", "o", "", "file to write (default dunlin-report-NAME-TIME.tar.gz)")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace the file if it is there")
	cmd.Flags().Int64Var(&o.lines, "log-lines", 5000, "how many lines of each log to take")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		broker, _, err := o.take(args, 0, 0)
		if err != nil {
			return err
		}
		if o.lines < 1 {
			return fmt.Errorf("--log-lines %d is not positive", o.lines)
		}
		if err := report(cmd.Context(), s, &o, broker); err != nil {
			return failure{err}
		}
		return nil
	}
	return cmd
}

func report(ctx context.Context, s streams, o *reportOptions, broker string) (err error) {
	p, err := o.place(ctx, broker)
	if err != nil {
		return err
	}
	now := time.Now()
	name := p.broker
	if p.state != nil {
		name = "local"
	}
	folder := fmt.Sprintf("dunlin-report-%s-%s", name, now.UTC().Format("20060102-150405"))
	if o.file == "" {
		o.file = folder + ".tar.gz"
	}
	hidden := []string{}
	if p.state != nil {
		if hidden, err = p.state.Secrets(); err != nil {
			return err
		}
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	out, err := os.OpenFile(o.file, flags, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("write report: %s is there already: choose another name with -o, or replace it with --force", o.file)
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	progress := newLine(s.err)
	missing, err := collect(ctx, p, o, bundle.New(out, folder, hidden, now), func(what string) { progress.at("Collecting " + what) })
	progress.end()
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(fmt.Errorf("write report: %w", err), os.Remove(o.file))
	}
	fmt.Fprintf(s.out, "%s is a report on %s. Look at it before you send it: it has names of clients, users and topics.\n", o.file, p.target.Name)
	for _, what := range missing {
		fmt.Fprintf(s.err, "Not in it: %s\n", screen.Clean(what))
	}
	return nil
}

// collect puts everything into the bundle.
func collect(ctx context.Context, p place, o *reportOptions, b *bundle.Bundle, at func(what string)) (missing []string, err error) {
	at("status")
	b.Text("version.txt", fmt.Appendf(nil, "kubectl-mqtt %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH), nil)
	facts, err := gather(ctx, p)
	if err != nil {
		b.Missing("status", err)
	} else {
		r := health.Assess(facts)
		b.JSON("status.json", r, nil)
		b.Text("status.txt", []byte(strings.Join(statusLines(screen.New(io.Discard, os.Getenv), &r, true), "\n")+"\n"), nil)
	}
	at("what the broker says")
	collectAdmin(ctx, p, b)
	if p.cluster != nil && facts.Broker != nil {
		at("objects and logs")
		collectCluster(ctx, p, o, &facts, b)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else {
		err = nil
	}
	missing, failed := b.Close()
	return missing, errors.Join(err, failed)
}

// collectAdmin asks the broker.
func collectAdmin(ctx context.Context, p place, b *bundle.Bundle) {
	c, err := p.target.Connect(ctx)
	if err != nil {
		b.Missing("all that the broker says", err)
		return
	}
	defer c.Close()
	const most = adminapi.MaxPage
	clients, err := c.Clients(ctx, adminapi.ClientQuery{}, "", most)
	b.JSON("broker/clients.json", clients, err)
	users, err := c.Users(ctx, "", "", most)
	b.JSON("broker/users.json", users, err)
	rules, err := c.Rules(ctx, "", most)
	b.JSON("broker/rules.json", rules, err)
	denials, err := c.Denials(ctx, "", most)
	b.JSON("broker/denials.json", denials, err)
	topics, err := c.Topics(ctx, "", "", most)
	b.JSON("broker/topics.json", topics, err)
	metrics, err := c.Metrics(ctx)
	b.Text("broker/metrics.txt", metrics, err)
}

// maxLog bounds a log, in bytes.
const maxLog = 8 << 20

func collectCluster(ctx context.Context, p place, o *reportOptions, f *health.Facts, b *bundle.Bundle) {
	b.Object("objects/broker.yaml", f.Broker, nil)
	b.Object("objects/users.yaml", f.Users, nil)
	b.Object("objects/acls.yaml", f.ACLs, nil)
	b.Object("objects/pods.yaml", f.Pods, nil)
	for _, partial := range f.Partial {
		b.Missing("objects", errors.New(partial))
	}
	events, err := p.cluster.Events(ctx)
	events = slices.DeleteFunc(events, func(e corev1.Event) bool { return !strings.HasPrefix(e.InvolvedObject.Name, f.Broker.Name) })
	b.Object("objects/events.yaml", events, err)
	configuration, err := p.cluster.ConfigMap(ctx, children.ConfigName(f.Broker))
	b.Object("objects/config.yaml", configuration, err)
	for _, name := range []string{children.ServiceName(f.Broker), children.PodServiceName(f.Broker)} {
		service, err := p.cluster.Service(ctx, name)
		b.Object("objects/service-"+name+".yaml", service, err)
	}
	for _, pod := range f.Pods {
		collectLogs(ctx, p, o, pod, b)
	}
	operators, err := p.cluster.Operators(ctx)
	if err != nil {
		b.Missing("the operator's log", err)
	}
	for _, pod := range operators {
		b.Object("operator/"+pod.Name+".yaml", pod, nil)
		collectLogs(ctx, p, o, pod, b)
	}
}

// collectLogs takes the log of a pod, and the one of before if it has started anew.
func collectLogs(ctx context.Context, p place, o *reportOptions, pod corev1.Pod, b *bundle.Bundle) {
	take := func(previous bool, name string) {
		stream, err := p.cluster.Logs(ctx, pod.Namespace, pod.Name, previous, o.lines, maxLog)
		if err != nil {
			b.Missing(name, err)
			return
		}
		defer stream.Close() //nolint:errcheck // it was only read
		text, err := io.ReadAll(io.LimitReader(stream, maxLog))
		b.Text(name, text, err)
	}
	take(false, "logs/"+pod.Name+".log")
	for _, c := range pod.Status.ContainerStatuses {
		if c.RestartCount > 0 {
			take(true, "logs/"+pod.Name+".previous.log")
			return
		}
	}
}
