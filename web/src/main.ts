import { PiniaColada } from '@pinia/colada'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { language } from './composables/preferences'
import { i18n, speak } from './i18n'
import { makeRouter } from './router'
import './styles/main.css'

const app = createApp(App)
app.use(createPinia())
app.use(PiniaColada)
app.use(i18n)
app.use(makeRouter())
// A first paint in the wrong language would be read aloud in it.
await speak(language.value)
app.mount('#app')
