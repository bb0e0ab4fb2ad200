package config

import (
	"fmt"
	"reflect"
	"strconv"
)

// defaultPort is where the broker listens, on this machine only, when it is told of no listener.
const defaultPort = 1883

// defaultSocketMode lets the broker's user and group, and nobody else, connect to a unix socket.
const defaultSocketMode = "0660"

// Defaulted returns a copy of c in which every unset field has its default.
func (c Config) Defaulted() Config {
	out := *c.DeepCopy()
	if len(out.Listeners) == 0 {
		out.Listeners = []Listener{{
			ListenerSettings: ListenerSettings{Name: "default", Protocol: ProtocolMQTT, Port: defaultPort},
			Host:             "127.0.0.1",
		}}
	}
	if out.Authentication.EnhancedMethods == nil {
		out.Authentication.EnhancedMethods = []EnhancedMethod{ScramSHA256, ScramSHA512}
	}
	if s := out.Authentication.ServiceAccounts; s != nil && len(s.Audiences) == 0 {
		s.Audiences = []string{DefaultAudience}
	}
	for i := range out.Listeners {
		out.Listeners[i].setDefaults()
	}
	setDefaults(reflect.ValueOf(&out).Elem())
	return out
}

// setDefaults sets those that depend on what kind of listener l is.
func (l *Listener) setDefaults() {
	if l.TLS != nil && l.TLS.MinVersion == "" {
		l.TLS.MinVersion = TLS12
	}
	if l.Socket != "" && l.SocketMode == "" {
		l.SocketMode = defaultSocketMode
	}
	if l.Protocol.WebSocket() && l.Path == "" {
		l.Path = DefaultPath
	}
}

// Defaulted returns a copy of s in which every unset field has its default.
func (s ACLSet) Defaulted() ACLSet {
	out := *s.DeepCopy()
	setDefaults(reflect.ValueOf(&out).Elem())
	return out
}

func setDefaults(v reflect.Value) {
	walk(v, "", func(f field, _ string) {
		if text := f.constraint.Default; text != "" && f.value.IsZero() {
			setText(f.value, text)
		}
	})
}

// setText sets v from the text of a default in constraints. That the text fits v is the table's duty, and tested.
func setText(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		setText(v.Elem(), text)
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(text == "true")
	case reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			panic(fmt.Sprintf("default %q of %s: %v", text, v.Type(), err))
		}
		v.SetInt(n)
	default:
		panic(fmt.Sprintf("default %q of %s: no such kind of setting", text, v.Type()))
	}
}
