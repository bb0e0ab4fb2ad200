import { render } from 'preact'
import { App } from './shell/app'
import { apply } from './shell/theme'
import './style/tokens.css'
import './style/base.css'
import './style/parts.css'
import './style/shell.css'
import './style/pages.css'

apply()
render(<App />, document.getElementById('app')!)
