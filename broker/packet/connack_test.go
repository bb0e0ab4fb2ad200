package packet

import (
	"bytes"
	"testing"
)

func TestConnackCode(t *testing.T) {
	v3 := map[ReasonCode]byte{
		Success: 0, UnsupportedProtocolVersion: 1, ClientIdentifierNotValid: 2, ServerUnavailable: 3, ServerBusy: 3, ServerShuttingDown: 3,
		QuotaExceeded: 3, UseAnotherServer: 3, ServerMoved: 3, ConnectionRateExceeded: 3, BadUserNameOrPassword: 4, NotAuthorized: 5,
		Banned: 5, BadAuthenticationMethod: 5,
	}
	for i := range 256 {
		r := ReasonCode(i)
		want, wantOK := v3[r]
		for _, v := range []Version{V31, V311} {
			if code, ok := ConnackCode(v, r); code != want || ok != wantOK {
				t.Errorf("%v in %v: %d, %v; want %d, %v", r, v, code, ok, want, wantOK)
			}
		}
		if code, ok := ConnackCode(V5, r); code != byte(i) || !ok {
			t.Errorf("%v in 5.0: %d, %v", r, code, ok)
		}
	}
}

func TestConnackAppend(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Connack
		v    Version
		want string
	}{
		{"session present", Connack{SessionPresent: true}, V5, "20 03 01 00 00"},
		{"session present with a refusal", Connack{SessionPresent: true, Reason: Banned}, V5, "20 03 00 8a 00"}, // [MQTT-3.2.2-6]
		{"session present with a refusal", Connack{SessionPresent: true, Reason: Banned}, V311, "20 02 00 05"},
		{"session present", Connack{SessionPresent: true}, V31, "20 02 00 00"},
		{"no code applies", Connack{Reason: MalformedPacket}, V311, ""}, // [MQTT-3.2.2-6 of 3.1.1]
		{"properties before MQTT 5", Connack{Properties: ConnackProperties{NoRetain: true}}, V311, "20 02 00 00"},
	} {
		if got, want := tt.c.Append(nil, tt.v), unhex(t, tt.want); !bytes.Equal(got, want) {
			t.Errorf("%v %s: % x, want % x", tt.v, tt.name, got, want)
		}
	}
}

// TestExplicitDefaults: a property that spells out its default means what its absence does.
func TestExplicitDefaults(t *testing.T) {
	var ack Connack
	if err := ack.Parse(unhex(t, "00 00 0b 25 01 28 01 29 01 2a 01 22 0000"), V5); err != nil {
		t.Fatal(err)
	}
	if d := diff(&Connack{}, &ack); d != "" {
		t.Error(d)
	}
	var c Connect
	if err := c.Parse(unhex(t, "0004'MQTT' 05 02 0000 07 17 01 19 00 22 0000 0000")); err != nil {
		t.Fatal(err)
	}
	if d := diff(&Connect{Version: V5, CleanStart: true}, &c); d != "" {
		t.Error(d)
	}
}

// TestAppendBefore5 leaves out, before MQTT 5, what only 5 has.
func TestAppendBefore5(t *testing.T) {
	for _, tt := range []struct {
		p    any
		want string
	}{
		{&Suback{PacketID: 1, Reasons: []ReasonCode{GrantedQoS1, NotAuthorized}, ReasonString: "r", User: users}, "90 04 0001 01 80"},
		{&typedAck{TypePubrec, Ack{PacketID: 1, Reason: QuotaExceeded, ReasonString: "r"}}, "50 02 0001"},
		{&Disconnect{Reason: SessionTakenOver, ReasonString: "r"}, "e0 00"},
		{&Unsuback{PacketID: 1, Reasons: []ReasonCode{Success}}, "b0 02 0001"},
		{&Unsubscribe{PacketID: 1, User: users, Filters: []string{"a"}}, "a2 05 0001 0001'a'"},
		{&Subscribe{PacketID: 1, SubscriptionID: 1, User: users, Filters: []Filter{{Filter: "a", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 1}}},
			"82 06 0001 0001'a' 01"},
		{&Publish{Topic: []byte("t"), Alias: 1, HasExpiry: true, SubscriptionIDs: []uint32{1}, Forward: []byte{1, 1}}, "30 03 0001't'"},
		{&Connect{Version: V311, ClientID: "c", Will: &Will{Topic: "w", Delay: 1, HasExpiry: true, Forward: []byte{1, 1}}, Properties: ConnectProperties{ReceiveMaximum: 1}},
			"10 12 0004'MQTT' 04 04 0000 0001'c' 0001'w' 0000"},
	} {
		if got, want := encode(nil, tt.p, V311), unhex(t, tt.want); !bytes.Equal(got, want) {
			t.Errorf("%T: % x, want % x", tt.p, got, want)
		}
	}
}
