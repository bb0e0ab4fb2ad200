package render_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name, which -update writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got, -update accepts it):\n%s", path, diff)
	}
}

func user(namespace, name, username string, age int) v1alpha1.User {
	return v1alpha1.User{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name,
			CreationTimestamp: metav1.NewTime(time.Unix(int64(1000-age), 0)),
		},
		Spec: v1alpha1.UserSpec{Username: username},
	}
}

func acl(name string, topics ...string) *v1alpha1.ACL {
	a := &v1alpha1.ACL{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	a.Spec.Subjects = []config.Subject{{Kind: config.SubjectUser, Name: "alice"}}
	a.Spec.Rules = []config.Rule{{Effect: config.Allow, Actions: []config.Action{config.ActionPublish}, Topics: topics}}
	return a
}
