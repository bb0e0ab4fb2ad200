package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// ClientTrustSum identifies what client certificates are verified by: hex SHA-256 over the content of a clientCAFile
// and of each of its crlFiles. What wrote the files learns by it whether a broker has loaded them.
func ClientTrustSum(cas []byte, lists ...[]byte) string {
	sum := sha256.New()
	sum.Write(cas)
	for _, list := range lists {
		fmt.Fprintf(sum, "%d\n%s", len(list), list)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
