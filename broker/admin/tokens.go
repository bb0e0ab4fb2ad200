package admin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
)

// Limits of a file of tokens.
const (
	maxTokensBytes = 1 << 20
	maxTokens      = 1000
)

// token is a line of the file: whom a token, which it does not have, is of.
type token struct {
	Caller
	sum []byte
}

// tokens are those by which the API may be called, as current as their file.
type tokens struct {
	file    string
	log     *slog.Logger
	current atomic.Pointer[[]token]
	failure string // what was last logged as wrong; used by reload only
}

// openTokens reads the file. One that cannot be used is logged, and nobody gets in until it can: it may be on its way.
func openTokens(file string, log *slog.Logger) *tokens {
	t := &tokens{file: file, log: log}
	t.current.Store(new([]token))
	t.reload()
	return t
}

// run watches the file until ctx is done.
func (t *tokens) run(ctx context.Context) error {
	return filewatch.Watch(ctx, []string{t.file}, t.log, t.reload)
}

// reload takes what the file has now, as a whole or not at all.
func (t *tokens) reload() {
	data, err := filewatch.Read(t.file, maxTokensBytes)
	var now []token
	if err == nil {
		now, err = parseTokens(data, t.file)
	}
	if err != nil {
		if t.failure != err.Error() {
			t.failure = err.Error()
			t.log.Error("tokens of the admin API cannot be loaded, the former ones stay", "reason", err, "tokens", len(*t.current.Load()))
		}
		return
	}
	t.failure = ""
	t.current.Store(&now)
	t.log.Debug("tokens of the admin API loaded", "path", t.file, "tokens", len(now))
}

var tokenName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// parseTokens reads lines of NAME:ROLE:SHA256, comments that begin with '#', and blank ones. name stands for the file in
// errors, which name the line and never quote it.
func parseTokens(data []byte, name string) ([]token, error) {
	var all []token
	lines := bufio.NewScanner(bytes.NewReader(data))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		t, err := parseToken(line)
		if err == nil && len(all) == maxTokens {
			err = fmt.Errorf("there are more than %d tokens", maxTokens)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		all = append(all, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return all, nil
}

func parseToken(line string) (token, error) {
	parts := strings.Split(line, ":")
	if len(parts) != 3 {
		return token{}, fmt.Errorf("line has %d parts, want NAME:ROLE:SHA256", len(parts))
	}
	t := token{Caller: Caller{Name: parts[0]}}
	switch parts[1] {
	case Read.String():
		t.Role = Read
	case Write.String():
		t.Role = Write
	default:
		return token{}, fmt.Errorf("role must be Read or Write")
	}
	if !tokenName.MatchString(t.Name) {
		return token{}, fmt.Errorf("name must be 1 to 64 letters, digits, '.', '_' and '-'")
	}
	sum, err := hex.DecodeString(parts[2])
	if err != nil || len(sum) != sha256.Size {
		return token{}, fmt.Errorf("token must be given by its SHA-256 in 64 hexadecimal digits")
	}
	t.sum = sum
	return t, nil
}

// find says whose token it is. It compares with every token, in constant time. A nil tokens has none.
func (t *tokens) find(given string) (Caller, bool) {
	if t == nil || given == "" {
		return Caller{}, false
	}
	sum := sha256.Sum256([]byte(given))
	all, found := *t.current.Load(), -1
	for i := range all {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(all[i].sum, sum[:]), i, found)
	}
	if found < 0 {
		return Caller{}, false
	}
	return all[found].Caller, true
}
