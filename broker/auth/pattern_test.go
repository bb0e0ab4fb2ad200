package auth

import "testing"

// TestExpand: what is not an ACL's may be of the client, too.
func TestExpand(t *testing.T) {
	for _, test := range []struct{ text, username, clientID, want string }{
		{"answers/", "", "", "answers/"},
		{"answers/${username}/%c/", "ann", "c1", "answers/ann/c1/"},
		{"answers/${username}/", "", "c1", ""},
		{"answers/${clientid}", "ann", "a/b", ""},
		{"${clientid}/answers", "ann", "$SYS", ""},
		{"", "ann", "c1", ""},
	} {
		id := &Identity{username: test.username, clientID: test.clientID}
		if got := id.Expand(test.text); got != test.want {
			t.Errorf("%s of %s, %s: %q, and not %q", test.text, test.username, test.clientID, got, test.want)
		}
	}
}
