package packet

import (
	"errors"
	"testing"
)

// TestCheckUserProperties: of each packet that a client may send, as many as there may be, and one more.
func TestCheckUserProperties(t *testing.T) {
	const most = 3
	user := func(n int) []UserProperty { return make([]UserProperty, n) } // as small as they can be
	forward := func(n int) []byte { return AppendForward(nil, &PublishProperties{ContentType: "t", User: user(n)}) }
	filters := []Filter{{Filter: "a"}}
	will := func(n int) *Will { return &Will{Topic: "t", Delay: 1, Forward: forward(n)} }
	for name, packet := range map[string]func(n int) []byte{
		"CONNECT": func(n int) []byte {
			p := Connect{Version: V5, ClientID: "c", Properties: ConnectProperties{User: user(n), ReceiveMaximum: 1}}
			return p.Append(nil)
		},
		"CONNECT with will": func(n int) []byte {
			p := Connect{Version: V5, ClientID: "c", Will: will(n - 1), Properties: ConnectProperties{User: user(1)}}
			return p.Append(nil)
		},
		"PUBLISH QoS 0": func(n int) []byte {
			p := Publish{Topic: []byte("t"), Forward: forward(n), Payload: []byte("x")}
			return p.Append(nil, V5)
		},
		"PUBLISH QoS 2": func(n int) []byte {
			p := Publish{Topic: []byte("t"), QoS: 2, PacketID: 1, Forward: forward(n)}
			return p.Append(nil, V5)
		},
		"PUBACK": func(n int) []byte { p := Ack{PacketID: 1, User: user(n)}; return p.Append(nil, TypePuback, V5) },
		"SUBSCRIBE": func(n int) []byte {
			p := Subscribe{PacketID: 1, SubscriptionID: 7, User: user(n), Filters: filters}
			return p.Append(nil, V5)
		},
		"UNSUBSCRIBE": func(n int) []byte {
			p := Unsubscribe{PacketID: 1, User: user(n), Filters: []string{"a"}}
			return p.Append(nil, V5)
		},
		"DISCONNECT": func(n int) []byte { p := Disconnect{User: user(n)}; return p.Append(nil, V5) },
		"AUTH": func(n int) []byte {
			p := Auth{Reason: ReAuthenticate, Method: "m", User: user(n)}
			return p.Append(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for n, want := range map[int]ReasonCode{most: Success, most + 1: QuotaExceeded, 50: QuotaExceeded} {
				h, body, _, _, err := NextVersion(packet(n), 0, V5)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := parse(h, body, V5); err != nil {
					t.Fatalf("not a packet: %v", err)
				}
				err = CheckUserProperties(h, body, most)
				var e *Error
				if errors.As(err, &e) != (want != Success) || e != nil && e.Reason != want {
					t.Errorf("%d of %d: %v", n, most, err)
				}
			}
		})
	}
}

// TestCheckUserPropertiesOfOthers: what is no packet of MQTT 5, or none at all, is not its business.
func TestCheckUserPropertiesOfOthers(t *testing.T) {
	old := Connect{Version: V311, ClientID: "a client identifier that is long enough"}
	h, body, _, _, err := NextVersion(old.Append(nil), 0, V311)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckUserProperties(h, body, 1); err != nil {
		t.Errorf("CONNECT of 3.1.1: %v", err)
	}
	p := Connect{Version: V5, ClientID: "c", Will: &Will{Topic: "t"}, Properties: ConnectProperties{User: make([]UserProperty, 9)}}
	h, body, _, _, err = NextVersion(p.Append(nil), 0, V5)
	if err != nil {
		t.Fatal(err)
	}
	for n := range body {
		_ = CheckUserProperties(h, body[:n], 1) // it does not panic
		if err := checkUserProperties(h, body[:n], 9); err != nil {
			t.Errorf("cut short at %d: %v", n, err)
		}
	}
}
