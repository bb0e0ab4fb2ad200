// What mqtt.js is put through, on Node.js and in a browser alike. `interop(mqtt, options)` runs all scenarios against
// options.url and tells options.report(name, error) how each went: error is undefined, a string, or {skip: reason}.

(function (root) {
  const text = (bytes) => new TextDecoder().decode(bytes)
  const patience = 60000

  // link is a connected client whose messages wait in an inbox.
  class Link {
    constructor (client, connack) {
      this.client = client
      this.connack = connack
    }

    static dial (mqtt, options, hello) {
      return new Promise((resolve, reject) => {
        const client = mqtt.connect(options.url, {
          protocolVersion: options.version,
          reconnectPeriod: 0,
          connectTimeout: patience,
          clean: !hello.keep,
          properties: options.version === 5 && hello.keep ? { sessionExpiryInterval: 3600 } : undefined,
          clientId: hello.id || 'js-' + Math.random().toString(36).slice(2),
          will: hello.will,
          ca: options.ca,
          forceNativeWebSocket: options.native
        })
        const link = new Link(client)
        link.inbox = []
        link.closed = new Promise((resolve) => client.once('close', resolve))
        client.on('message', (topic, payload, packet) => {
          const message = { topic, payload: text(payload), qos: packet.qos, retain: packet.retain, size: payload.length }
          if (link.waiting) {
            link.waiting(message)
          } else {
            link.inbox.push(message)
          }
        })
        client.once('error', reject)
        client.once('connect', (connack) => {
          link.connack = connack
          resolve(link)
        })
      })
    }

    async subscribe (filter, qos) {
      const [granted] = await this.client.subscribeAsync(filter, { qos })
      if (granted.qos !== qos) {
        throw new Error(`subscribe to ${filter}: granted ${granted.qos}, want ${qos}`)
      }
    }

    publish (topic, payload, qos, retain = false) {
      return this.client.publishAsync(topic, payload, { qos, retain })
    }

    receive () {
      if (this.inbox.length > 0) {
        return Promise.resolve(this.inbox.shift())
      }
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no message within ${patience} ms`)), patience)
        this.waiting = (message) => {
          clearTimeout(late)
          this.waiting = undefined
          resolve(message)
        }
      })
    }

    // receives checks that the messages come next, in order, and no other between them: [topic, payload, qos, retain].
    async receives (...messages) {
      for (const want of messages) {
        const m = await this.receive()
        const got = [m.topic, m.payload, m.qos, m.retain]
        if (JSON.stringify(got) !== JSON.stringify(want)) {
          throw new Error(`received ${JSON.stringify(got).slice(0, 200)}, want ${JSON.stringify(want).slice(0, 200)}`)
        }
      }
    }

    async end () {
      await this.client.endAsync()
    }

    // cut breaks the connection without DISCONNECT.
    async cut () {
      this.client.stream.destroy()
      await this.closed
    }
  }

  const scenarios = {
    async deliver (dial, topic) {
      const [from, to] = [await dial(), await dial()]
      for (const granted of [0, 1, 2]) {
        const at = `${topic}/${granted}/日本`
        await to.subscribe(at, granted)
        for (const qos of [0, 1, 2]) {
          const low = Math.min(qos, granted)
          await from.publish(at, 'one', qos)
          await from.publish(at, '', qos)
          await from.publish(at, 'three ☂', qos)
          await to.receives([at, 'one', low, false], [at, '', low, false], [at, 'three ☂', low, false])
        }
      }
    },

    async retain (dial, topic) {
      const from = await dial()
      for (const qos of [0, 1, 2]) {
        await from.publish(`${topic}/cleared`, 'x', qos, true)
        await from.publish(`${topic}/kept`, 'old', qos, true)
        await from.publish(`${topic}/kept`, 'new', qos, true)
        await from.publish(`${topic}/cleared`, '', qos, true)
        await from.publish(topic, '', 1) // once it is acknowledged the others have been handled, also at QoS 0
        const to = await dial()
        await to.subscribe(`${topic}/#`, 2)
        await to.receives([`${topic}/kept`, 'new', qos, true])
        await from.publish(`${topic}/kept`, 'live', qos, true)
        await to.receives([`${topic}/kept`, 'live', qos, false])
        await to.end()
      }
    },

    async will (dial, topic) {
      const watcher = await dial()
      await watcher.subscribe(`${topic}/#`, 2)
      for (const qos of [0, 1, 2]) {
        const will = { topic: `${topic}/${qos}`, payload: 'gone', qos, retain: false }
        await (await dial({ will })).end()
        await (await dial({ will })).cut()
        await watcher.receives([will.topic, 'gone', qos, false])
        await watcher.publish(topic, 'marker', 0)
        await watcher.receives([topic, 'marker', 0, false]) // and there was one only
      }
    },

    async session (dial, topic) {
      const hello = { id: topic, keep: true }
      const away = await dial(hello)
      await away.subscribe(`${topic}/+`, 2)
      await away.end()
      const from = await dial()
      const want = []
      for (const qos of [0, 1, 2]) {
        for (let i = 0; i < 10; i++) {
          await from.publish(`${topic}/${i}`, 'kept', qos)
          if (qos > 0) {
            want.push([`${topic}/${i}`, 'kept', qos, false])
          }
        }
      }
      const back = await dial(hello)
      if (!back.connack.sessionPresent) {
        throw new Error('the session is gone')
      }
      await back.receives(...want)
    },

    async share (dial, topic, options) {
      if (!options.shared) {
        return { skip: 'CONNACK says that shared subscriptions are not available' }
      }
      const [from, ...members] = [await dial(), await dial(), await dial()]
      for (const member of members) {
        await member.subscribe(`$share/group/${topic}/#`, 2)
      }
      const count = 18
      for (let i = 0; i < count; i++) {
        await from.publish(`${topic}/${i}`, 'x', i % 3)
      }
      const seen = new Set()
      for (const [i, member] of members.entries()) {
        const last = `${topic}-end/${i}`
        await member.subscribe(last, 1)
        await from.publish(last, 'x', 1)
        let mine = 0
        for (let m = await member.receive(); m.topic !== last; m = await member.receive()) {
          if (seen.has(m.topic)) {
            throw new Error(`${m.topic} came twice`)
          }
          seen.add(m.topic)
          mine++
        }
        if (mine === 0 || mine === count) {
          throw new Error(`a member got ${mine} of ${count}`)
        }
      }
      if (seen.size !== count) {
        throw new Error(`${seen.size} messages came, want ${count}`)
      }
    },

    async large (dial, topic, options) {
      const [from, to] = [await dial(), await dial()]
      const payload = '0123456789abcdef'.repeat((options.large - 1024) / 16)
      await to.subscribe(topic, 2)
      for (const qos of [0, 1, 2]) {
        await from.publish(topic, payload, qos)
        await to.receives([topic, payload, qos, false])
      }
    },

    // Comes back very often, politely or not, and misses nothing.
    async reconnect (dial, topic, options) {
      const from = await dial()
      const hello = { id: topic, keep: true }
      const seen = new Set()
      let to = await dial(hello)
      await to.subscribe(topic, 1)
      for (let i = 0; i < options.reconnects; i++) {
        await (i % 2 === 0 ? to.end() : to.cut())
        if (i % 50 === 0) {
          await from.publish(topic, String(i), 1)
        }
        to = await dial(hello)
        if (i % 50 === 0) {
          let m = await to.receive()
          while (seen.has(m.payload)) { // again: the connection was cut before it was acknowledged
            m = await to.receive()
          }
          if (m.payload !== String(i) || m.qos !== 1) {
            throw new Error(`received ${JSON.stringify(m)}, want ${i}`)
          }
          seen.add(m.payload)
        }
      }
    }
  }

  root.interop = async (mqtt, options) => {
    for (const [name, run] of Object.entries(scenarios)) {
      const links = []
      const dial = async (hello = {}) => {
        const link = await Link.dial(mqtt, options, hello)
        if (name !== 'reconnect') {
          links.push(link)
        }
        return link
      }
      try {
        options.report(name, await run(dial, `${options.topic}/${name}`, options))
        await Promise.all(links.map((link) => link.end()))
      } catch (e) {
        options.report(name, String(e && e.stack ? e.stack : e))
      }
    }
  }
})(globalThis)
