package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

const canIFiles = `
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: Broker
metadata: {name: edge}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: User
metadata: {name: s1}
spec: {brokerRef: {name: edge}, groups: [sensors]}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: ACL
metadata: {name: sensors}
spec:
  brokerRef: {name: edge}
  subjects: [{kind: Group, name: sensors}]
  rules: [{actions: [Publish], topics: ["plant/#", "own/${clientid}"]}]
`

func TestCanIOffline(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("q.yaml", []byte(canIFiles), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"can-i s1 publish plant/1 -f q.yaml":         {exitOK, "yes: spec.rules[0] of ACL default/sensors allows it"},
		"can-i s1 Publish own/c -i c -f q.yaml":      {exitOK, "yes: "},
		"can-i s1 publish own/c -f q.yaml":           {exitFailed, "no: no rule allows it"},
		"can-i s1 subscribe plant/1 -f q.yaml":       {exitFailed, "no: no rule allows it"},
		"can-i eve publish plant/1 -f q.yaml":        {exitFailed, `no: there is no User with the user name "eve"`},
		"can-i s1 publish plant/# -f q.yaml":         {exitFailed, "Error: topic: "},
		"can-i s1 read plant/1 -f q.yaml":            {exitUsage, `"read" is neither publish nor subscribe`},
		"can-i s1 publish -f q.yaml":                 {exitUsage, "Error: "},
		"can-i s1 publish plant/1 -o json -f q.yaml": {exitOK, `"name": "default/sensors rule 1"`},
		"can-i other s1 publish plant/1 -f q.yaml":   {exitFailed, "there is no Broker other among the files"},
		"acl explain s1 -f q.yaml":                   {exitOK, "Allow     plant/# own/${clientid}          0   default/sensors rule 1\nDeny      everything else"},
		"acl explain edge s1 -o json -f q.yaml":      {exitOK, `"defaultPolicy": "Deny"`},
		"acl explain -f q.yaml":                      {exitUsage, "Error: "},
		"acl explain eve -f q.yaml":                  {exitFailed, "there is no user eve, or it is suspended"},
	} {
		var out bytes.Buffer
		code := execute(t.Context(), strings.Fields(args), streams{in: strings.NewReader(""), out: &out, err: &out})
		if code != want.code || !strings.Contains(out.String(), want.text) {
			t.Errorf("%s: exit code %d, %q; want %d, %q", args, code, out.String(), want.code, want.text)
		}
	}
}
