package mosquitto

import (
	"fmt"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Note is something that whoever migrates has to know.
type Note struct {
	Where string // file:line
	Text  string
	// Lost: what stands there does nothing any more. Else it does, in another way than before.
	Lost bool
}

// String is a line.
func (n Note) String() string {
	if n.Lost {
		return n.Where + ": not converted: " + n.Text
	}
	return n.Where + ": " + n.Text
}

// User is an entry of a password file.
type User struct{ Name, Hash string }

// Import is what a Mosquitto is configured to be.
type Import struct {
	// Config is the broker's configuration, with the paths of the Mosquitto's own files: certificates, password file, store. Its
	// ACLFile is unset: ACLs is what it would have.
	Config config.Config
	// ACLs are the access rules. None, and Config lets everybody do everything: there was no ACL file.
	ACLs []config.ACL
	// Users are those of the password file.
	Users []User
	Notes []Note
	// ACLFile is the path of Mosquitto's; "": there is none.
	ACLFile string

	listeners []*listenerConf
}

// Lost is how many Notes are of what does nothing any more.
func (i *Import) Lost() (n int) {
	for _, note := range i.Notes {
		if note.Lost {
			n++
		}
	}
	return n
}

// Read reads the configuration at path and the files that it names. The error is of a file that cannot
// be read, or of settings that the broker refuses.
func Read(path string) (*Import, error) {
	directives, err := read(path)
	if err != nil {
		return nil, err
	}
	c := newConverter()
	for _, d := range directives {
		c.take(d)
	}
	c.finish(path)
	if err := c.readUsers(); err != nil {
		return nil, err
	}
	if err := c.readACLs(); err != nil {
		return nil, err
	}
	if len(c.out.listeners) == 0 {
		return nil, fmt.Errorf("convert %s: there is no listener that can be: %v", path, c.out.Notes)
	}
	if err := c.out.Config.Defaulted().Validate(); err != nil {
		return nil, fmt.Errorf("convert %s: what comes of it is refused: %w", path, err)
	}
	return c.out, nil
}

// converter gathers what the directives say.
type converter struct {
	out     *Import
	current *listenerConf // that the directives are about; nil: none yet
	bridge  bool          // they are about a bridge

	anonymous             *bool
	passwordFile, aclFile directive // value "": none
	persistence           bool
	storeDir              string
	levels                []string // of log_type
	identity              place    // of use_identity_as_username
	usesIdentity          bool
}

// listenerConf is a listener with the files of its TLS.
type listenerConf struct {
	config.Listener
	place
	implicit                    bool // it is there for port and bind_address, or for nothing at all
	disabled                    bool // there is nothing like it
	certFile, keyFile           string
	caFile, crlFile, minVersion string
	require                     bool
}

func newConverter() *converter { return &converter{out: &Import{}} }

func (c *converter) lost(at place, format string, args ...any) {
	c.out.Notes = append(c.out.Notes, Note{at.String(), fmt.Sprintf(format, args...), true})
}

func (c *converter) note(at place, format string, args ...any) {
	c.out.Notes = append(c.out.Notes, Note{at.String(), fmt.Sprintf(format, args...), false})
}

// take converts one directive.
func (c *converter) take(d directive) {
	switch {
	case d.name == "connection":
		c.bridge = true
		c.lost(d.place, "bridge %s: there are no bridges", d.value)
		return
	case d.name == "listener":
		c.bridge = false
		c.listener(d)
		return
	case c.bridge && (bridgeOnly[d.name] || strings.HasPrefix(d.name, "bridge_")):
		return // said with its connection
	}
	convert, known := directives[d.name]
	switch {
	case !known && (strings.HasPrefix(d.name, "auth_opt_") || strings.HasPrefix(d.name, "plugin_opt_")):
		return // said with its plugin
	case !known && bridgeOnly[d.name]:
		c.lost(d.place, "%s: there are no bridges", d.name)
	case !known:
		c.lost(d.place, "%s: mosquitto has no such setting that is known here", clip(d.name))
	case convert != nil:
		convert(c, d)
	}
}

// clip bounds what of a file is quoted.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}

// bridgeOnly are the directives of bridges.
var bridgeOnly = map[string]bool{
	"address": true, "addresses": true, "topic": true, "cleansession": true, "local_cleansession": true, "clientid": true, "idle_timeout": true,
	"keepalive_interval": true, "local_clientid": true, "local_password": true, "local_username": true, "notifications": true,
	"notifications_local_only": true, "notification_topic": true, "password": true, "remote_clientid": true, "remote_password": true,
	"remote_username": true, "restart_timeout": true, "round_robin": true, "start_type": true, "threshold": true, "try_private": true, "username": true,
}
