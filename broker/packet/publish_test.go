package packet

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forwardable has every property that is forwarded; forwardableX is its encoding.
var forwardable = PublishProperties{
	PayloadFormat: ptr(byte(0)), ContentType: "t", ResponseTopic: "r", CorrelationData: []byte{}, User: users,
}

const forwardableX = "01 00 03 0001't' 08 0001'r' 09 0000" // and usersX

func TestForwardRoundTrip(t *testing.T) {
	for _, want := range []PublishProperties{{}, forwardable, {User: []UserProperty{{}}}, {PayloadFormat: ptr(byte(1)), CorrelationData: []byte("x")}} {
		p := Publish{Forward: AppendForward(nil, &want)}
		got, err := p.Properties()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" { // exact: an empty CorrelationData is not an absent one
			t.Error(d)
		}
		w := Will{Forward: p.Forward}
		if got, err = w.Properties(); err != nil || !cmp.Equal(want, got) {
			t.Errorf("will: %+v, err %v", got, err)
		}
	}
	if got, want := AppendForward(nil, &forwardable), unhex(t, forwardableX+usersX); !bytes.Equal(got, want) {
		t.Errorf("encoded\n got % x\nwant % x", got, want)
	}
}

func TestPropertiesRefusesOthers(t *testing.T) {
	for _, wire := range []string{"23 0001", "02 00000000", "0b 01", "1f 0000", "ff", "01 02", "03 0001"} {
		p := Publish{Forward: unhex(t, wire)}
		if got, err := p.Properties(); err == nil {
			t.Errorf("%s: accepted as %+v", wire, got)
		}
	}
}

func TestPayloadFormat(t *testing.T) {
	bytes, text := byte(0), byte(1)
	for _, tt := range []struct {
		p    PublishProperties
		want byte
	}{
		{PublishProperties{}, 0},
		{PublishProperties{PayloadFormat: &bytes, ContentType: "a"}, 0},
		{PublishProperties{PayloadFormat: &text}, 1},
		{PublishProperties{ContentType: "a", CorrelationData: []byte{1, 1}, User: users}, 0},
	} {
		if got := PayloadFormat(AppendForward(nil, &tt.p)); got != tt.want {
			t.Errorf("%+v: %d", tt.p, got)
		}
	}
	last := AppendForward(AppendForward(nil, &PublishProperties{User: users}), &PublishProperties{PayloadFormat: &text})
	if PayloadFormat(last) != 1 {
		t.Error("not found after other properties")
	}
	if got := testing.AllocsPerRun(100, func() { PayloadFormat(last) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestForward mixes the forwarded properties with the others in every way that matters:
// alone, first, last, in the middle, interrupted.
func TestForward(t *testing.T) {
	all := forwardableX + usersX
	for _, tt := range []struct {
		name, props, forward string
		aliases              bool
	}{
		{"none", "", "", true},
		{"others only", "23 0001 02 00000005", "", true},
		{"forward only", all, all, true},
		{"before", "23 0001" + all, all, true},
		{"after", all + "02 00000005", all, true},
		{"around", "23 0001" + all + "02 00000005", all, true},
		{"in the middle", "01 00 23 0001" + usersX, "01 00" + usersX, false},
		{"interrupted twice", "01 00 23 0001 03 0001't' 02 00000005 09 0000" + usersX, "01 00 03 0001't' 09 0000" + usersX, false},
		{"interrupted by ids", "26 0000 0000 0b01 26 0001'a' 0000 0b02 26 0000 0001'b'", "26 0000 0000 26 0001'a' 0000 26 0000 0001'b'", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			props, want := unhex(t, tt.props), unhex(t, tt.forward)
			body := AppendVarint(unhex(t, "0001't'"), len(props))
			body = append(append(body, props...), "payload"...)
			var p Publish
			for range 2 { // again, with the scratch space of the first time
				if err := p.Parse(0, body, V5); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(p.Forward, want) || string(p.Payload) != "payload" {
					t.Fatalf("Forward = % x, want % x; payload %q", p.Forward, want, p.Payload)
				}
			}
			if cap(p.Forward) != len(p.Forward) {
				t.Error("an append to Forward would write into the buffer")
			}
			if len(want) > 0 {
				for i := range body {
					body[i] ^= 0xFF
				}
				if changed := !bytes.Equal(p.Forward, want); changed != tt.aliases {
					t.Errorf("Forward aliases the buffer: %v, want %v", changed, tt.aliases)
				}
			}
		})
	}
}

// TestScratchIsBounded: one huge message leaves nothing behind.
func TestScratchIsBounded(t *testing.T) {
	props := appendPropString([]byte{propPayloadFormat, 1, propTopicAlias, 0, 1}, propContentType, string(bytes.Repeat([]byte("x"), 2*maxScratch)))
	body := append(AppendVarint(unhex(t, "0001't'"), len(props)), props...)
	var p Publish
	if err := p.Parse(0, body, V5); err != nil {
		t.Fatal(err)
	}
	if len(p.Forward) != len(props)-3 || cap(p.scratch) > maxScratch {
		t.Errorf("Forward of %d bytes, %d bytes kept", len(p.Forward), cap(p.scratch))
	}
}

// TestPublishSlices: none may be appended to over what follows it in the buffer.
func TestPublishSlices(t *testing.T) {
	wire := unhex(t, "32 0b 0001't' 0001 03 23 0001 'hi' c000")
	h, body, _, _, err := Next(wire, 0)
	if err != nil {
		t.Fatal(err)
	}
	var p Publish
	if err := p.Parse(h.Flags, body, V5); err != nil {
		t.Fatal(err)
	}
	if cap(p.Topic) != 1 || cap(p.Payload) != 2 {
		t.Errorf("capacities %d and %d, want 1 and 2", cap(p.Topic), cap(p.Payload))
	}
}

// publishes are the shapes that Size, the head and a Frame must agree on with Append.
func publishes() []Publish {
	var out []Publish
	for _, size := range []int{0, 1, 100, 120, 130, 16370, 16390} {
		for qos := range byte(3) {
			p := Publish{QoS: qos, Topic: []byte("a/b"), Payload: bytes.Repeat([]byte("p"), size)}
			if qos > 0 {
				p.PacketID = 0x1234
			}
			out = append(out, p)
			p.Alias, p.Expiry, p.HasExpiry, p.SubscriptionIDs = 1, 2, true, []uint32{1, 200, 70000, 3000000}
			p.Forward = AppendForward(nil, &PublishProperties{ContentType: string(p.Payload[:size/2]), User: users})
			out = append(out, p)
		}
	}
	return out
}

func TestSizeAndHead(t *testing.T) {
	for _, v := range []Version{V31, V311, V5} {
		for _, p := range publishes() {
			whole := p.Append(nil, v)
			if p.Size(v) != len(whole) {
				t.Fatalf("Size = %d, encoded %d", p.Size(v), len(whole))
			}
			if got := append(AppendPublishHead(nil, &p, v), p.Payload...); !bytes.Equal(got, whole) {
				t.Fatalf("head and payload % x, whole % x", got, whole)
			}
		}
	}
}

// TestNoEncoding: what cannot be expressed appends nothing, rather than something wrong.
func TestNoEncoding(t *testing.T) {
	huge := make([]byte, maxVarint)
	for name, p := range map[string]*Publish{
		"packet": {Topic: []byte("t"), Payload: huge, QoS: 1},
		"topic":  {Topic: huge[:65536]},
	} {
		dst := []byte("x")
		if got := p.Append(dst, V5); len(got) != 1 {
			t.Errorf("%s: Append wrote %d bytes", name, len(got)-1)
		}
		if got := AppendPublishHead(dst, p, V5); len(got) != 1 {
			t.Errorf("%s: AppendPublishHead wrote %d bytes", name, len(got)-1)
		}
	}
}
