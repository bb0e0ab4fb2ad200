package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dunlin-mqtt/dunlin/broker/password"
)

const passwdHelp = `Prints what a password file has of a password, which is read from stdin: its first line, or, at a
terminal, what is typed twice. With USER it is a line of the file; without, what a User object takes
as passwordHash.

Formats: $7$ (the default) is Mosquitto's, and lets the user send the password. SCRAM-SHA-256 and
SCRAM-SHA-512 let the user prove to know it, by MQTT 5's enhanced authentication, and do not let who
reads the file log in. A user may have a line of each.

Exit codes: 0 success; 1 something failed; 2 the command line is wrong.`

// maxPassword is what an MQTT CONNECT can carry, in bytes.
const maxPassword = 65535

func newPasswd(s streams) *cobra.Command {
	var formats []string
	cmd := &cobra.Command{
		Use: "passwd [USER]", Short: "Hash a password, or make SCRAM keys of it", Long: passwdHelp,
		Example: "  kubectl-mqtt passwd alice >> passwd\n  kubectl-mqtt passwd --format '$7$,SCRAM-SHA-256' alice < secret.txt",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			user := strings.Join(args, "")
			if strings.ContainsFunc(user, unicode.IsControl) || strings.Contains(user, ":") {
				return fmt.Errorf("user %q has a ':' or a control character", user)
			}
			if strings.HasPrefix(user, "#") {
				return fmt.Errorf("user %q begins with '#', as a comment in a password file does", user)
			}
			if len(args) > 0 && user == "" {
				return errors.New("user is empty")
			}
			for _, format := range formats {
				if format != password.Mosquitto && format != password.ScramSHA256 && format != password.ScramSHA512 {
					return fmt.Errorf("--format %.40s is none of $7$, SCRAM-SHA-256 and SCRAM-SHA-512", format)
				}
			}
			if err := passwd(s, user, formats); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&formats, "format", []string{password.Mosquitto}, "$7$, SCRAM-SHA-256 or SCRAM-SHA-512 (repeatable)")
	return cmd
}

func passwd(s streams, user string, formats []string) error {
	plain, err := readPassword(s)
	if err != nil {
		return err
	}
	prefix := ""
	if user != "" {
		prefix = user + ":"
	}
	for _, format := range formats {
		line, err := passwordLine(format, plain)
		if err != nil {
			return err
		}
		fmt.Fprintln(s.out, prefix+line)
	}
	return nil
}

func passwordLine(format string, plain []byte) (string, error) {
	salt := make([]byte, password.ScramSaltBytes)
	_, _ = rand.Read(salt) // it never fails
	if format == password.Mosquitto {
		return password.Hash(plain, salt[:password.SaltBytes]), nil
	}
	return password.ScramLine(format, plain, salt, password.DefaultIterations)
}

// readPassword asks for a password where there is somebody to ask, and reads a line where there is not.
func readPassword(s streams) ([]byte, error) {
	if f, ok := s.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return askPassword(s.err, func() ([]byte, error) { return term.ReadPassword(int(f.Fd())) })
	}
	line, err := bufio.NewReader(io.LimitReader(s.in, maxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read password: %w", err)
	}
	return checkPassword([]byte(strings.TrimRight(line, "\r\n")))
}

// askPassword has a password typed twice; read does not show it.
func askPassword(to io.Writer, read func() ([]byte, error)) ([]byte, error) {
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		fmt.Fprint(to, prompt)
		b, err := read()
		fmt.Fprintln(to)
		if err != nil {
			return nil, fmt.Errorf("read password: %w", err)
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return nil, errors.New("the two passwords differ")
	}
	return checkPassword([]byte(typed[0]))
}

func checkPassword(plain []byte) ([]byte, error) {
	switch {
	case len(plain) == 0:
		return nil, errors.New("the password is empty")
	case len(plain) > maxPassword:
		return nil, fmt.Errorf("the password has more than %d bytes, which MQTT cannot carry", maxPassword)
	}
	return plain, nil
}
