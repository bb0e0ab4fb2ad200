package inspect

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// TestDenials: the same again is the newest, and counted; why it is refused is asked once.
func TestDenials(t *testing.T) {
	var d Denials
	asked := 0
	add := func(topic string, minute int) {
		d.Add(api.Denial{Time: noon.Add(time.Duration(minute) * time.Minute), Client: "c", Action: "Publish", Topic: topic, Peer: fmt.Sprint(minute)},
			func() string { asked++; return "because" })
	}
	add("a", 1)
	add("b", 2)
	add("a", 3)
	page, err := d.Page(admin.Range{Limit: 10})
	if err != nil || page.Total != 2 || asked != 2 {
		t.Fatalf("%+v, %v, asked %d times", page, err, asked)
	}
	if got := page.Items[0]; got.Topic != "a" || got.Count != 2 || got.Peer != "3" || !got.Time.Equal(noon.Add(3*time.Minute)) || got.Reason != "because" {
		t.Errorf("%+v", got)
	}
	if got := page.Items[1]; got.Topic != "b" || got.Count != 1 {
		t.Errorf("%+v", got)
	}
}

// TestDenialsBounds: a flood leaves the last thousand, and texts have a bound that cuts no character.
func TestDenialsBounds(t *testing.T) {
	var d Denials
	for i := range 3 * maxDenials {
		d.Add(api.Denial{Client: fmt.Sprint(i), User: strings.Repeat("u", 65535), Topic: strings.Repeat("ü", maxText)}, func() string { return "" })
	}
	if len(d.known) != maxDenials || d.order.Len() != maxDenials {
		t.Errorf("%d are known, %d in order", len(d.known), d.order.Len())
	}
	seen, after := 0, ""
	for {
		page, err := d.Page(admin.Range{After: after, Limit: 300})
		if err != nil || page.Total != maxDenials {
			t.Fatal(page.Total, err)
		}
		for _, x := range page.Items {
			if want := fmt.Sprint(3*maxDenials - 1 - seen); x.Client != want {
				t.Fatalf("%s instead of %s", x.Client, want)
			}
			if len(x.Topic) > maxText+3 || !utf8.ValidString(x.Topic) {
				t.Fatalf("%d bytes of topic", len(x.Topic))
			}
			if len(x.User) > maxText+3 {
				t.Fatalf("%d bytes of user name", len(x.User))
			}
			seen++
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if seen != maxDenials {
		t.Errorf("%d by pages", seen)
	}
	if _, err := d.Page(admin.Range{After: "x", Limit: 1}); !errors.Is(err, admin.ErrInvalid) {
		t.Error(err)
	}
}
