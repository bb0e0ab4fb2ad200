package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

// FuzzBackup: a backup is read to its end or refused, its pairs come in order, and what a size promises is not believed
// before it has come. The sum behind the fuzzed bytes is put right, so that the fuzzer gets past it.
func FuzzBackup(f *testing.F) {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte(backupMagic), backupVersion), uint32(formatNow))
	pair := func(key, value string) string {
		sizes := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(len(key))), uint32(len(value)))
		return string(sizes) + key + value
	}
	end := func(n byte) string { return string([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n}) }
	f.Add([]byte(string(head) + end(0)))
	f.Add([]byte(string(head) + pair("a", "x") + pair("b", "") + end(2)))
	f.Add([]byte(string(head) + pair("b", "x") + pair("a", "") + end(2)))
	f.Add([]byte(string(head) + pair("format", "1") + end(1)))
	f.Add([]byte(string(head) + "\x00\x10\x00\x00\x00\x10\x00\x00ab"))
	f.Add([]byte(string(head) + "\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte(string(head) + pair("a", "x") + end(0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := sha256.Sum256(data)
		in := &backupReader{r: bytes.NewReader(append(bytes.Clone(data), sum[:]...)), sum: sha256.New()}
		if _, err := in.header(formatNow); err != nil {
			return
		}
		var last []byte
		for n := uint64(1); ; n++ {
			key, value, err := in.pair()
			if in.buf.Cap() > 4*(len(data)+len(sum))+4096 {
				t.Fatalf("%d bytes of memory for a backup of %d", in.buf.Cap(), len(data))
			}
			if err != nil {
				return
			}
			if key == nil {
				break
			}
			if bytes.Compare(key, last) <= 0 || in.count != n || len(key)+len(value) > len(data)+len(sum) {
				t.Fatalf("pair %d is %q after %q", n, key, last)
			}
			last = bytes.Clone(key)
		}
		if err := in.trailer(); err == nil && in.last != nil && !bytes.Contains(data, in.last) {
			t.Error("a pair out of nothing")
		}
	})
}
