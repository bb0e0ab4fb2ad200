package render

import (
	"strings"
	"testing"
)

// TestAdminTokens: the file has the sums, by their roles, and not the tokens.
func TestAdminTokens(t *testing.T) {
	got := string(AdminTokens{Write: "abc", Read: "def"}.File())
	want := "token:Write:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n" +
		"read-token:Read:cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34\n"
	if got != want || strings.Contains(got, "abc\n") {
		t.Errorf("%s", got)
	}
}
