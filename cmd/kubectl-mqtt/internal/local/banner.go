package local

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

// printBanner says what runs, and how to use it.
func printBanner(out io.Writer, p *plan, state *State, program string, address func(string) net.Addr) {
	say(out, "%s runs: %s. State is kept in %s.\n\n", name(p.broker), p.summary(), state.dir)
	printListeners(out, p, address)
	printNotes(out, p.notes)
	printExample(out, p, address)
	say(out, "\nSee what it does, here or in a browser:\n")
	for _, command := range []string{"status", "console"} {
		say(out, "  %s %s --state-dir %s\n", quote(program), command, quote(state.dir))
	}
	printAdmin(out, state)
	say(out, "\nThe files are watched: edits apply at once. Ctrl-C stops.\n")
}

// printAdmin says where the admin API is; what calls it of this program finds it by the state folder.
func printAdmin(out io.Writer, state *State) {
	say(out, "\nAdmin API, https://%s:\n  curl --cacert %s -H \"Authorization: Bearer $(cat %s)\" https://%s/v1/overview\n",
		state.admin.address, quote(state.adminPath(adminCA)), quote(state.adminPath(adminReadToken)), state.admin.address)
}

// summary is how many users and ACLs there are.
func (p *plan) summary() string {
	return plural(len(p.members), "user") + ", " + plural(len(p.acls), "ACL")
}

func printListeners(out io.Writer, p *plan, address func(string) net.Addr) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	say(table, "  LISTENER\tPROTOCOL\tADDRESS\n")
	for _, l := range p.config.Listeners {
		say(table, "  %s\t%s\t%s\n", l.Name, l.Protocol, address(l.Name))
	}
	_ = table.Flush() // as with every line that is printed: see say
}

func printNotes(out io.Writer, notes []string) {
	for _, note := range notes {
		say(out, "\nNote: %s.", note)
	}
	if len(notes) > 0 {
		say(out, "\n")
	}
}

func printExample(out io.Writer, p *plan, address func(string) net.Addr) {
	e, ok := p.pickExample()
	if !ok {
		say(out, "\nNobody can connect yet: add a User that names this Broker.\n")
		return
	}
	who := "without a user name"
	if e.user != nil {
		who = "as " + e.user.Username
	}
	if e.filter == "" && e.topic == "" {
		say(out, "\nNothing is allowed yet %s: add an ACL that names this Broker.\n", who)
		return
	}
	l, ok := p.exampleListener()
	if !ok {
		return // there are only WebSocket listeners
	}
	connect := p.connectFlags(e, l, address)
	if e.filter != "" {
		say(out, "\nSubscribe %s, in another terminal:\n  mosquitto_sub %s -v -t %s\n", who, connect, quote(e.filter))
	}
	if e.topic != "" {
		say(out, "\nPublish %s:\n  mosquitto_pub %s -t %s -m hello\n", who, connect, quote(e.topic))
	}
}

// connectFlags are the flags by which mosquitto's clients, which have no WebSocket, connect to l.
func (p *plan) connectFlags(e example, l config.Listener, address func(string) net.Addr) string {
	port := strconv.Itoa(int(l.Port))
	if tcp, ok := address(l.Name).(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
	}
	flags := []string{"-h", quote(p.clientHost(l)), "-p", port}
	if l.Protocol == config.ProtocolMQTTS {
		if p.certs.caFile != "" {
			flags = append(flags, "--cafile", quote(p.certs.caFile))
		} else {
			flags = append(flags, "--tls-use-os-certs")
		}
		switch {
		case e.user != nil && e.user.certFile != "":
			flags = append(flags, "--cert", quote(e.user.certFile), "--key", quote(e.user.keyFile))
		case l.TLS != nil && l.TLS.ClientAuth == config.ClientAuthRequire:
			flags = append(flags, "--cert CLIENT.crt --key CLIENT.key") // which only the user has
		}
	}
	if e.clientID != "" {
		flags = append(flags, "-i", quote(e.clientID))
	}
	if e.user != nil && e.user.passwordFile != "" {
		flags = append(flags, "-u", quote(e.user.Username), "-P", `"$(cat `+quote(e.user.passwordFile)+`)"`)
	}
	return strings.Join(flags, " ")
}

// exampleListener is an MQTTS listener if there is one, or else one of MQTT.
func (p *plan) exampleListener() (config.Listener, bool) {
	for _, protocol := range []config.Protocol{config.ProtocolMQTTS, config.ProtocolMQTT} {
		for _, l := range p.config.Listeners {
			if l.Protocol == protocol {
				return l, true
			}
		}
	}
	return config.Listener{}, false
}

// quote makes a word that a shell leaves alone.
func quote(word string) string { return screen.Quote(word) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// say prints a line for the user. That stdout is gone is no reason to stop serving.
func say(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format, args...)
}
