package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// ScramKeys are the SCRAM keys to put in force for a password, a line for each mechanism: kept, if they are for just
// those and the password is still the same, so that nothing changes when nothing changed; else new ones with salts
// from random. A generated password, which nobody guesses, costs its client few iterations. A password that
// SASLprep forbids is an error.
// previous are the keys of a password that works for a while yet: they get the salt of those, so that a client can prove
// either.
func ScramKeys(
	kept []string, same bool, previous []string, mechanisms []config.EnhancedMethod, plain []byte, generated bool, random io.Reader,
) ([]string, error) {
	fits := func(line string, m config.EnhancedMethod) bool {
		return strings.HasPrefix(line, string(m)+"$") && password.Check(line) == nil
	}
	if same && slices.EqualFunc(kept, mechanisms, fits) {
		return kept, nil
	}
	iterations := password.DefaultIterations
	if generated {
		iterations = password.ScramIterations
	}
	lines := make([]string, len(mechanisms))
	for i, m := range mechanisms {
		salt, cost := make([]byte, password.ScramSaltBytes), iterations
		if _, err := io.ReadFull(random, salt); err != nil {
			return nil, fmt.Errorf("make salt: %w", err)
		}
		for _, line := range previous {
			if theirs, n, ok := password.ScramSalt(string(m), line); ok && n >= iterations {
				salt, cost = theirs, n
			}
		}
		var err error
		if lines[i], err = password.ScramLine(string(m), plain, salt, cost); err != nil {
			return nil, err
		}
	}
	return lines, nil
}
