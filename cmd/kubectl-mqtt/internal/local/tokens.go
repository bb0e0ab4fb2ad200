package local

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// openTokens makes the tokens of the admin API, or takes those of an earlier run, and the file of their sums, whose path it
// returns. To delete a token's file is to ask for a new one at the next run.
func (s *State) openTokens() (file string, err error) {
	var tokens render.AdminTokens
	if tokens.Write, err = s.token(adminToken); err != nil {
		return "", err
	}
	if tokens.Read, err = s.token(adminReadToken); err != nil {
		return "", err
	}
	return s.adminPath(adminTokens), writeFile(s.adminPath(adminTokens), tokens.File())
}

// token is the one in a file of admin/, made of 130 random bits if there is none.
func (s *State) token(name string) (string, error) {
	data, err := os.ReadFile(s.adminPath(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read token: %w", err)
	}
	if token := strings.TrimSpace(string(data)); token != "" {
		return token, nil
	}
	token := rand.Text()
	return token, writeFile(s.adminPath(name), []byte(token+"\n"))
}
