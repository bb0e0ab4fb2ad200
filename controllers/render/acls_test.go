package render_test

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

func TestValidateACL(t *testing.T) {
	for _, tt := range []struct {
		topic string
		want  string // "" = valid
	}{
		{topic: "sensors/#"},
		{topic: "+/temperature"},
		{topic: "#"},
		{topic: "$SYS/#"},
		{topic: "home/${username}/${clientid}/%u/%c"},
		{topic: "dev-${username}/x"},
		{topic: "100%/x"},
		{topic: "a/#/b", want: `spec.rules[0].topics[0]: "a/#/b": topic filter has the wildcard '#' at byte 2`},
		{topic: "a+/b", want: `"a+/b": topic filter has the wildcard '+'`},
		{topic: "${username}#", want: "does not stand alone in its level"},
		{topic: "${user}/x", want: "unknown variable ${user}: ${username}, ${clientid} and ${cert.cn} are known"},
		{topic: "${username/x", want: "unknown variable ${username/x"},
		{topic: "a\x00b", want: "U+0000"},
		{topic: "$share/g/jobs/#", want: "write jobs/#"},
		{topic: "$share/g", want: "shared subscription has no topic filter"},
	} {
		t.Run(tt.topic, func(t *testing.T) {
			err := render.ValidateACL(acl("a", tt.topic))
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestValidateACLNamesEveryTopic(t *testing.T) {
	err := render.ValidateACL(acl("a", "#/a", "fine", "b#"))
	if err == nil || strings.Count(err.Error(), "spec.rules[0].topics[") != 2 || !strings.Contains(err.Error(), "topics[2]") {
		t.Errorf("got %v", err)
	}
}
