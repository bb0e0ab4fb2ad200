package server_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// TestAdminPages: a page among 100,000 sessions, from any place, and all of them by pages.
func TestAdminPages(t *testing.T) {
	cfg := open(t)
	administered(t, &cfg)
	b := run(t, cfg)
	const sessions = 100_000
	b.Populate(sessions)
	reader := call(t, cfg, "Read")
	for query, want := range map[string]string{
		"": "100000 client-000000", "after=client-050000": "100000 client-050001", "search=999": "280 client-000999", "user=none": "0",
		"connected=true": "0", "connected=false&after=client-099998": "100000 client-099999", "search=127.0.0.1": "0",
	} {
		page := get[api.Page[api.Client]](reader, "/v1/clients?"+query)
		got := fmt.Sprint(page.Total)
		if len(page.Items) > 0 {
			got += " " + page.Items[0].ID
		}
		if got != want {
			t.Errorf("?%s: %s, want %s", query, got, want)
		}
	}
	seen, after := 0, ""
	for {
		page := get[api.Page[api.Client]](reader, "/v1/clients?limit=1000&after="+url.QueryEscape(after))
		for _, c := range page.Items {
			if want := fmt.Sprintf("client-%06d", seen); c.ID != want {
				t.Fatalf("%s instead of %s", c.ID, want)
			}
			seen++
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if seen != sessions {
		t.Errorf("%d clients", seen)
	}
}
