package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

const canIFiles = `
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: User
metadata: {name: s2, labels: {team: press, tier: gold}}
spec: {brokerRef: {name: edge}}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: ACL
metadata: {name: press}
spec:
  brokerRef: {name: edge}
  subjects: [{kind: User, selector: {matchLabels: {team: press}, matchExpressions: [{key: tier, operator: In, values: [silver, gold]}]}}]
  rules: [{actions: [Publish], topics: ["press/#"]}]
  tests:
  - {as: {user: any, labels: {team: press, tier: gold}}, action: Publish, topic: press/1, expect: Allow}
  - {as: {user: any, labels: {team: press}}, action: Publish, topic: press/1, expect: Deny}
---
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
		"can-i s1 publish plant/1 -f q.yaml":         {exitOK, "yes: default/sensors rule 1 allows it\n  default/sensors rule 1: Allow Publish to Group sensors on plant/#, own/${clientid} (priority 0)"},
		"can-i s1 Publish own/c -i c -f q.yaml":      {exitOK, "on plant/#, own/${clientid} (here own/c) (priority 0)"},
		"can-i s2 publish press/1 -f q.yaml":         {exitOK, "  default/press rule 1: Allow Publish to Users with team=press,tier in (gold,silver) on press/# (priority 0)"},
		"can-i s1 publish press/1 -f q.yaml":         {exitFailed, "no: no rule allows it"},
		"acl explain s2 -o wide -f q.yaml":           {exitOK, "default/press rule 1   Users with team=press,tier in (gold,silver)"},
		"can-i s1 publish own/c -f q.yaml":           {exitFailed, "no: no rule allows it"},
		"can-i s1 subscribe plant/1 -f q.yaml":       {exitFailed, "no: no rule allows it"},
		"can-i eve publish plant/1 -f q.yaml":        {exitFailed, `no: there is no user "eve"`},
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
