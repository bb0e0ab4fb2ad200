package controllers

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

// tree is YAML as an object's fields.
func tree(text string) map[string]any {
	GinkgoHelper()
	out := map[string]any{}
	Expect(yaml.Unmarshal([]byte(text), &out)).To(Succeed())
	return out
}

var _ = Describe("drift", func() {
	DescribeTable("is what differs in the fields that the operator applies", func(want, have string, same bool) {
		Expect(contained(tree(want), tree(have))).To(Equal(same))
	},
		Entry("the same", `{a: {b: 1}}`, `{a: {b: 1}}`, true),
		Entry("others' fields", `{a: {b: 1}}`, `{a: {b: 1, c: 2}, d: 3}`, true),
		Entry("another value", `{a: {b: 1}}`, `{a: {b: 2}}`, false),
		Entry("a field that is gone", `{a: {b: 1}}`, `{a: {}}`, false),
		Entry("a parent that is gone", `{a: {b: 1}}`, `{}`, false),
		Entry("a zero value that encoding omits", `{a: {b: false, c: 0, d: ""}}`, `{a: {}}`, true),
		Entry("an empty map that encoding omits", `{a: {}}`, `{}`, true),
		Entry("others' fields in a list's items", `{a: [{b: 1}]}`, `{a: [{b: 1, c: 2}]}`, true),
		Entry("another item in a list", `{a: [{b: 1}]}`, `{a: [{b: 1}, {b: 2}]}`, false),
		Entry("an item that is gone", `{a: [1, 2]}`, `{a: [1]}`, false),
		Entry("another type", `{a: {b: 1}}`, `{a: x}`, false),
	)

	DescribeTable("in lists is replaced as a whole", func(want, have, patch string) {
		lists, differ := foreignLists(tree(want), tree(have))
		Expect(lists).To(Equal(tree(patch)))
		Expect(differ).To(Equal(patch != "{}"))
	},
		Entry("none", `{a: {b: [1]}, c: 1}`, `{a: {b: [1]}, c: 2}`, `{}`),
		Entry("a foreign item", `{a: {b: [{n: 1}]}, c: 1}`, `{a: {b: [{n: 1}, {n: 2}]}}`, `{a: {b: [{n: 1}]}}`),
		Entry("no list yet", `{a: {b: [1]}}`, `{}`, `{a: {b: [1]}}`),
	)

	It("hashes which fields there are, and never what is in them", func() {
		hash := fieldsHash(tree(`{a: {b: 1}, c: [x, y]}`))
		Expect(fieldsHash(tree(`{c: [z, z], a: {b: 2}}`))).To(Equal(hash))
		Expect(fieldsHash(tree(`{a: {b: 1}, c: [x]}`))).NotTo(Equal(hash))
		Expect(fieldsHash(tree(`{a: {b: 1, d: 1}, c: [x, y]}`))).NotTo(Equal(hash))
	})
})
