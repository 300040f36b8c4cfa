// Entry: styles in order, then the shell.
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/chart.css';
import { mount } from 'svelte';
import App from './App.svelte';

const target = document.getElementById('app');
if (target) mount(App, { target });
